printf '\377\376p\000p\000g\000' >spec.yaml
