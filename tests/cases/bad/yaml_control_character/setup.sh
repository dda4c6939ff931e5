printf 'ppgen: 1\ncommand: echo \033[1m\n' >spec.yaml
