cd "$PBS_O_WORKDIR" || exit
echo "$PBS_ARRAY_INDEX" >>told
[ "$PBS_ARRAY_INDEX" != 1 ] || exit 7
[ "$PBS_ARRAY_INDEX" != 2 ] || while [ ! -e go ]; do sleep 0.05; done
