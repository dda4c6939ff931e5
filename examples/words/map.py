"""The same without a spec: like Pool.map, but what was done is done, also when this is stopped and started again."""
import glob

import ppgen
import words

if __name__ == "__main__":
    paths = sorted(glob.glob("sonnets/*.txt"))
    for path, found in zip(paths, ppgen.map(words.describe, paths)):
        print(path, found["keyword"], found["times"], sep="\t")
