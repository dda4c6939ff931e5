"""Metropolis sampling of the two-dimensional Ising model."""
import argparse
import csv
import json
import math
import random

parser = argparse.ArgumentParser()
parser.add_argument("--temperature", type=float, required=True)
parser.add_argument("--size", type=int, required=True)
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--sweeps", type=int, default=60)
parser.add_argument("--trace", required=True)
args = parser.parse_args()

rng = random.Random(args.seed)
n = args.size
spins = [[1] * n for _ in range(n)]


def field(i, j):
    """The sum of the four neighbours' spins, with periodic edges."""
    return spins[i - 1][j] + spins[(i + 1) % n][j] + spins[i][j - 1] + spins[i][(j + 1) % n]


def measure():
    """Energy and magnetisation a site."""
    energy = -sum(spins[i][j] * (spins[i - 1][j] + spins[i][j - 1]) for i in range(n) for j in range(n))
    return energy / n**2, sum(map(sum, spins)) / n**2


trace = []
for sweep in range(args.sweeps):
    for _ in range(n * n):
        i, j = rng.randrange(n), rng.randrange(n)
        delta = 2 * spins[i][j] * field(i, j)
        if delta <= 0 or rng.random() < math.exp(-delta / args.temperature):
            spins[i][j] = -spins[i][j]
    trace.append((sweep, *measure()))

with open(args.trace, "w", newline="") as f:
    out = csv.writer(f)
    out.writerow(["sweep", "energy", "magnetisation"])
    out.writerows((s, f"{e:.6f}", f"{m:.6f}") for s, e, m in trace)

half = trace[len(trace) // 2:]
print(f"size {n}, {args.sweeps} sweeps at T = {args.temperature}")
print(json.dumps({
    "energy": round(sum(e for _, e, _ in half) / len(half), 6),
    "magnetisation": round(sum(abs(m) for _, _, m in half) / len(half), 6),
}))
