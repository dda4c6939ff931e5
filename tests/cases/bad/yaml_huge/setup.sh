# Sparse: 1 GB that takes no room.
dd if=/dev/zero of=spec.yaml bs=1 count=0 seek=1G 2>/dev/null
