printf 'ppgen: 1\ncommand: echo \000 x\n' >spec.yaml
