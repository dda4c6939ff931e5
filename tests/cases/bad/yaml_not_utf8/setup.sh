printf 'ppgen: 1\ncommand: echo \351t\351\n' >spec.yaml
