cd "$PBS_O_WORKDIR" || exit
[ $PBS_ARRAY_INDEX -gt 1 ] || exit $PBS_ARRAY_INDEX
: >"up.$PBS_ARRAY_INDEX"
sleep 1000
