"""The words that mark a text: those that are frequent in it and rare in the others (tf-idf)."""
import collections
import glob
import math
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))


def tokens(path):
    """The words of a text file, in lower case."""
    with open(os.path.join(HERE, path), encoding="utf-8") as f:
        return re.findall(r"[a-z]+(?:'[a-z]+)*", f.read().lower())


# The model. It is made when the module is imported, which an interpreter does once, however many calls follow.
TEXTS = glob.glob(os.path.join(HERE, "sonnets", "*.txt"))
TEXTS_WITH = collections.Counter(word for path in TEXTS for word in set(tokens(path)))


def describe(path):
    """One text: how many words, how many different ones, and the word that marks it most."""
    count = collections.Counter(tokens(path))
    weight = {word: n * math.log(len(TEXTS) / TEXTS_WITH[word]) for word, n in count.items()}
    keyword = min(weight, key=lambda word: (-weight[word], word))
    return {"words": sum(count.values()), "different": len(count), "keyword": keyword, "times": count[keyword]}
