# shellcheck shell=bash disable=SC2154 # lib.sh has the variables
# SPDX-License-Identifier: MIT
#
# The environment that was submitted from, on any scheduler: what workers run in, what stays the node's, who can see it, and how often
# an interpreter starts. Sourced after cluster_lib.sh by a script that has started a cluster of its kind:
#
#	environment_prepare             the folder, two virtualenvs with a module of their own, the submitter's variables. Before cluster_up
#	environment_tests [OPTION...]   the checks; OPTION... goes behind "--" of one submission
#	environment_of_node [LINE...]   those of `environment: node`; LINE... are directives that keep the scheduler from passing anything

secret=h4nd-0ver.n0thing

environment_prepare() {
	place="$T/a b 'c' \$HOME"
	mkdir "$place" && cd "$place" || exit 99
	for name in one two; do
		# its own scripts would stumble over the other place's name
		python3 -m venv --without-pip "$T/$name" >"$out" 2>&1 || skip_all "python3 -m venv: $(tail -n 1 "$out")"
		cat >"$(find "$T/$name" -name site-packages | head -n 1)/only_here.py" <<-'END'
			"""Appends who imported it to the file that STARTS names."""
			import os
			with open(os.environ["STARTS"], "a") as starts:
			    starts.write("%d\n" % os.getpid())
		END
	done
	API_TOKEN=$secret
	BYTES=$(printf 'a\377b')
	LINES_OF='two
lines'
	LONG=$(head -c 100000 /dev/zero | tr '\0' x)
	STARTS=$T/starts
	LD_LIBRARY_PATH="$T/no lib" # which Grid Engine never passes on
	export LD_LIBRARY_PATH API_TOKEN BYTES LINES_OF LONG STARTS
	greet() {
		echo "hello
$1"
	}
	export -f greet
	# of the login session, which is not there on a node
	export DISPLAY=:77 SSH_CONNECTION='1 2 3 4' HOSTNAME=login77 CUDA_VISIBLE_DEVICES=77
	unset PYTHONPATH PYTHONHOME OMP_NUM_THREADS
}

# Within a virtualenv, as a user would.
within() {
	# shellcheck disable=SC1090,SC1091 # made above
	(. "$T/$1/bin/activate" && shift && "$@")
}

# Of a column of the run's table: its different values, sorted.
column() {
	python3 -c '
import csv, sys
print("; ".join(sorted({row[sys.argv[2]] for row in csv.DictReader(open(sys.argv[1]))})))' "$(run_of "$1")/collect/results.csv" "$2"
}

put_specs() {
	cat >sim.py <<-'END'
		import os
		import sys
		import time
		import only_here


		def run(x):
		    while not os.path.exists("called"):
		        time.sleep(0.05)
		    return {"prefix": sys.prefix, "twice": 2 * x}
	END
	cat >functions.yaml <<-'END'
		ppgen: 1
		params: {x: {from: 1, to: 40, step: 1}}
		python: sim:run
		submit: {slots: 2, elements: 3}
	END
	cat >words.yaml <<-'END'
		ppgen: 1
		params: {x: [1, 2, 3]}
		command: [python3, -c, "import only_here, sys; print(sys.prefix)"]
		results: {stdout: text}
	END
	cat >activated.yaml <<-'END'
		ppgen: 1
		params: {x: [1, 2]}
		setup: . ../two/bin/activate
		command: [python3, -c, "import only_here, sys; print(sys.prefix)"]
		results: {stdout: text}
	END
	# A worker that dies makes a second round, which the finaliser hands over. What tells of the machine and the login is the node's.
	cat >variables.yaml <<-'END'
		ppgen: 1
		params: {x: [1, 2]}
		shell:
		  with: bash
		  script: |
		    [ "$PPGEN_ATTEMPT" -gt 1 ] || { kill -KILL "$PPID" && sleep 60; }
		    case ${DISPLAY-}${SSH_CONNECTION-}${HOSTNAME-}${CUDA_VISIBLE_DEVICES-} in
		    *77* | *"1 2 3 4"*) echo 'of the login' ;;
		    esac
		    printf '%s|%s|%s|%s|%s' "$LINES_OF" "${#LONG}" "$(printf %s "$BYTES" | od -An -tx1)" "${#API_TOKEN}" "$LD_LIBRARY_PATH|$(greet you)" | tr '\n' '/'
		results: {stdout: text}
		submit: {elements: 2}
	END
}

environment_tests() {
	put_specs
	ok 'what goes along is said' within one ppgen submit -n functions.yaml
	like 'in a line' "$out" '^  environment: [0-9]+ variables of yours, not what tells of this machine, job and login$'
	STARTS=$T/called.starts ok 'functions, out of a virtualenv' within one ppgen submit functions.yaml
	ok 'a command, out of another' within two ppgen submit words.yaml
	ok 'a set-up that activates one' within one ppgen submit activated.yaml -- "$@"
	ok 'variables of all kinds' within one ppgen submit variables.yaml

	eventually 60 says 'waits 0\.02s, so that' cat "$(submission functions.yaml)"/log/1.*
	like 'the second element waits before it starts an interpreter' <(cat "$(submission functions.yaml)"/log/1.*) 'waits 0\.02s, so that'
	touch called
	finished functions.yaml
	is 'all functions returned' "$code $(ends functions.yaml ok)" '0 40'
	is 'in its interpreter' "$(column functions.yaml prefix)" "$T/one"
	ok 'one start a slot at most, not one a task' test "$(sort -u "$T/called.starts" | wc -l)" -le 6
	is 'whose modules were loaded once' "$(wc -l <"$T/called.starts")" "$(sort -u "$T/called.starts" | wc -l)"
	finished words.yaml
	is 'the other one'"'"'s interpreter' "$code $(column words.yaml text)" "0 $T/two"
	finished activated.yaml
	is 'the set-up runs on top of it' "$code $(column activated.yaml text)" "0 $T/two"
	finished variables.yaml
	is 'every value survives, in both rounds' "$code $(column variables.yaml text)" "0 two/lines|100000| 61 ff 62|${#secret}|$T/no lib|hello/you"
	is 'of which the second was the finaliser'"'"'s' "$(starts variables.yaml) $(basename "$(submission variables.yaml)")" '4 0002'
	is 'nothing of it stays where it has ended' "$(grep -rlF "$secret" runs)" ''
	is 'and no file' "$(find runs -name environment)" ''
}

environment_of_node() {
	mkdir -p "$XDG_CONFIG_HOME/ppgen"
	{
		printf 'default: test\nsites:\n  test:\n    environment: node\n'
		[ $# -eq 0 ] || printf "    directives: ['%s']\n" "$@"
	} >"$XDG_CONFIG_HOME/ppgen/sites.yaml"
	cat >node.yaml <<-'END'
		ppgen: 1
		params: {x: [1, 2]}
		shell: echo "${LINES_OF-none}${VIRTUAL_ENV-}$x"
		results: {stdout: text}
	END
	ok 'a site may want the node'"'"'s' within one ppgen submit -n node.yaml
	like 'which is said too' "$out" "^  environment: the node's own \\(sites.yaml:4\\)\$"
	ok 'so it is' within one ppgen submit node.yaml
	is 'nothing is kept' "$(find runs/node -name environment)" ''
	finished node.yaml
	is 'and nothing passed' "$code $(column node.yaml text)" '0 none1; none2'
}

# Held while the scheduler is looked at: who could read the secret. COMMAND... shows a job, its id is put behind it.
environment_is_private() {
	cat >held.yaml <<-'END'
		ppgen: 1
		params: {x: [1]}
		shell: until [ -e go ]; do sleep 0.1; done
	END
	ok 'one that is looked at while it lives' within one ppgen submit held.yaml
	eventually 60 reaches 1 starts held.yaml
	is 'its environment is in one file' "$(grep -rlF "$secret" runs/held | sed 's/.*submissions/submissions/')" 'submissions/0001/environment'
	is 'that others cannot read' "$(find runs/held -name environment -printf '%m')" 600
	is 'nor ask the scheduler for' "$("$@" "$(job held.yaml 1)" 2>&1 | grep -cF "$secret")" 0
	ok 'which knows the job' test -n "$("$@" "$(job held.yaml 1)" 2>/dev/null)"
	touch go
	finished held.yaml
	is 'it ends' "$code" 0
}
