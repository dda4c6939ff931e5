"""Estimates pi from random points in the unit square."""
import argparse
import json
import math
import random

parser = argparse.ArgumentParser()
parser.add_argument("--darts", type=int, required=True)
parser.add_argument("--seed", type=int, required=True)
args = parser.parse_args()

rng = random.Random(args.seed)
hits = sum(rng.random() ** 2 + rng.random() ** 2 < 1 for _ in range(args.darts))
estimate = 4 * hits / args.darts
print(json.dumps({"pi": estimate, "error": round(abs(estimate - math.pi), 6)}))
