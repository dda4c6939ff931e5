#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The site file: which site is meant and what is shown of it, where it puts run directories, and what a file that is wrong does. And what a
# spec says for clusters, as far as it means something on this machine: {launch}, {keep}, checkpoint.
. "$(dirname "$0")/lib.sh"
unset PPGEN_SITE PPGEN_SITES

# A scheduler to be found, that answers what the limits are read from; and none of the others.
mkdir "$T/bin"
cat >"$T/bin/scontrol" <<'END'
#!/bin/sh
case "$*" in
ping) echo 'Slurmctld(primary) at here is UP' ;;
'show config') echo 'MaxArraySize            = 501' ;;
*'show partition short'*) echo 'PartitionName=short Default=NO MaxTime=02:00:00' ;;
*'show partition'*) echo 'PartitionName=normal Default=YES MaxTime=1-00:00:00' ;;
*) exit 1 ;;
esac
END
for name in qstat qconf sacctmgr; do
	printf '#!/bin/sh\nexit 1\n' >"$T/bin/$name"
done
chmod +x "$T"/bin/*
PATH=$T/bin:$PATH

file=$XDG_CONFIG_HOME/ppgen/sites.yaml
mkdir -p "$XDG_CONFIG_HOME/ppgen"
put() {
	cat >"$file"
}

cat >spec.yaml <<'END'
ppgen: 1
name: s
params: {T: [1, 2]}
command: echo {T}
results: {stdout: number}
END

# ---- without a site file

ok 'site without a file' ppgen site
like 'no site, and why' "$out" "^site  *none: there is no file '$file'\$"
like 'the scheduler is found, and why' "$out" "^scheduler  slurm: 'scontrol ping' says Slurmctld"
like 'a default is called so' "$out" '^  runs  *runs/ beside the spec  \(default\)$'
like 'the launcher is the template'"'"'s' "$out" '^  launch  *[^ ].*\{\{ranks\}\}.*  \(template slurm\)$'
like 'a limit that was asked for' "$out" '^  index  *500  \(scontrol show config\)$'
like 'the time of the default partition' "$out" '^  time  *1d 00h  \(scontrol .*\)$'
sed -n 's/^	//p' "$out" >"$T/example"
cp "$T/example" "$file"
USER=me ok 'the example that is shown is a good site file' ppgen site
like 'it is chosen' "$out" '^site  *cluster: it is the default of '
like 'its limits are those of its partition' "$out" '^  partition  *normal  \(sites.yaml:6\)$'
like 'variables of runs are filled in' "$out" '^  runs  *[^$]*/runs  \(sites.yaml:7\)$'
put <<'END'
# nothing yet
END
ok 'a site file without sites' ppgen site
rm "$file"
ok 'run without a site file' ppgen run -q spec.yaml
ok 'run directories are beside the spec' test -d runs/s/plan

# ---- which site

put <<END
default: usual
sites:
  elsewhere: {hosts: nowhere-*, partition: e}
  here: {hosts: ["*"], partition: short, limits: {time: 90m, elements: 77}}
  usual: {partition: u}
END
ok 'a site by its hosts' ppgen site
like 'the site of this host' "$out" '^site  *here: its hosts match '
like 'the limit of the named partition, narrowed by the site' "$out" '^  time  *1h 30m  \(sites.yaml:4\)$'
like 'a limit of the site alone' "$out" '^  queued  *77  \(sites.yaml:4\)$'
ok 'a site by its name' ppgen site usual
like 'its partition' "$out" '^  partition  *u  \(sites.yaml:5\)$'
PPGEN_SITE=elsewhere ok 'a site by PPGEN_SITE' ppgen site
like 'PPGEN_SITE is named as the reason' "$out" '^site  *elsewhere: PPGEN_SITE$'
ok 'list' ppgen site --list
is 'all sites, the chosen one marked' "$(cat "$out")" '  elsewhere
* here
  usual'
ok 'list as JSON' ppgen site --list --json
is 'the same as JSON' "$(cat "$out")" \
	'[{"site":"elsewhere","chosen":false},{"site":"here","chosen":true},{"site":"usual","chosen":false}]'
ok 'JSON' ppgen site --json
like 'values and where they are from' "$out" '"partition":\{"value":"short","from":"sites.yaml:4"\}'
like 'limits in numbers' "$out" '"time":\{"value":5400,"from":"sites.yaml:4"\}'
exits 2 ppgen site hre
like 'a near miss' "$err" "there is no site 'hre' \(did you mean 'here'\?\): '$file' has elsewhere, here, usual\$"
exits 2 ppgen plan --site hre spec.yaml
like 'the same in other commands' "$err" "there is no site 'hre'"
exits 2 ppgen site a b

put <<'END'
sites:
  a: {scheduler: slrum}
  b: {scheduler: sge, options: {pe: smp, pee: x}}
  c: {scheduler: sge, options: {pe: threads}, when: [{if: ranks > 0, options: {mpi_pe: orte}}]}
END
exits 2 ppgen site a
like 'a template that is not there' "$err" "did you mean 'slurm'"
like 'and who named it' "$err" "'slrum' of sites.yaml:2"
exits 2 ppgen site b
like 'an option that the template does not have' "$err" "sites.yaml:3:42: template 'sge' has no option 'pee' \(did you mean 'pe'\?\)"
ok 'options of the template' ppgen site c
like 'an option of the site' "$out" '^  options.pe  *threads  \(sites.yaml:4\)$'
like 'an option for some tasks' "$out" '^  when ranks > 0: options.mpi_pe orte  \(sites.yaml:4\)$'
like 'an option of the template' "$out" '^  options\.[a-z_]*  *[^ ]+  \(template sge\)$'

# ---- runs: for every command that takes a spec

put <<'END'
default: a
sites:
  a: {runs: $PLACE/all}
  b: {}
END
PLACE=$T/place
export PLACE
ok 'run where the site says' ppgen run -q spec.yaml
ok 'the run directory is there' test -f "$PLACE/all/s/collect/results.csv"
for command in status collect check plan; do
	ok "$command finds it" ppgen $command spec.yaml
done
ok 'log finds it' ppgen log spec.yaml 0
ok 'plan' ppgen plan spec.yaml
like 'plan names it' "$out" "run directory $PLACE/all/s, plan 0001"
ok 'the only spec of the folder too' ppgen plan
like 'at the same place' "$out" "run directory $PLACE/all/s, plan 0001"
ok 'another site' ppgen plan --site b spec.yaml
like 'beside the spec' "$out" "run directory $T/runs/s"
ok 'no site' ppgen plan --site none spec.yaml
like 'beside the spec without a site' "$out" "run directory $T/runs/s"
ok 'a folder that is named' ppgen plan -d "$T/other" spec.yaml
like 'is that folder' "$out" "run directory $T/other "
unset PLACE
exits 2 ppgen plan spec.yaml
like 'a variable that is not set' "$err" "^$file:3:13: the variable 'PLACE' is not set"
ok 'not of another site' ppgen plan --site b spec.yaml

# ---- a site file that is wrong

put <<'END'
sites:
  a: {acount: x, runs: here}
  b: {when: [{if: gpuss > 0, qos: x}]}
END
rm -rf runs
for command in 'run spec.yaml' 'plan spec.yaml' check status 'log spec.yaml 0' collect site 'submit -n'; do
	# shellcheck disable=SC2086 # several words
	exits 2 ppgen $command
	like "$command says all of it" "$err" "^$file:2:7: unknown key 'acount' in sites.a \(did you mean 'account'\?\)\$"
done
like 'with what is wrong in other sites' "$err" "^$file:3:19: unknown parameter 'gpuss' \(did you mean 'gpus'\?\)"
ok 'nothing was made' test ! -e runs
ok 'without the site file' ppgen run -q --site none spec.yaml
ok 'in a folder that is named' ppgen status -d runs/s spec.yaml
PPGEN_SITES=/nonexistent exits 2 ppgen plan spec.yaml
like 'a file that PPGEN_SITES names' "$err" '^/nonexistent: there is no such file'
rm -r "$file"

# ---- what specs say for clusters, on this machine

cat >bin/mpiexec <<'END'
#!/bin/sh
[ "$1" = -n ] || exit 9
echo "ranks $2" >&2
export RANKS="$2"
shift 2
exec "$@"
END
cat >prog <<'END'
#!/bin/sh
echo "{\"ranks\": $RANKS, \"got\": $1}"
END
chmod +x bin/mpiexec prog
cat >mpi.yaml <<'END'
ppgen: 1
params: {T: [1, 2]}
command: "{launch} ./prog {T}"
resources: {ranks: 1, nodes: 1, constraint: fast, licences: "x:1", exclusive: true}
submit: {max_running: 5, element_time: 1h, elements: 2}
results: {stdout: json}
END
ok '{launch} starts the program' ppgen run mpi.yaml
unlike 'what only clusters know is not spoken of' "$err" 'fast|x:1'
is 'with as many ranks' "$(cut -d, -f 2,4- runs/mpi/collect/results.csv)" 'T,ranks,got
1,1,1
2,1,2'
ok 'log' ppgen log mpi.yaml 0
like 'log shows what was started' "$out" 'mpiexec -n 1 ./prog 1$'
ok 'plan' ppgen plan --set resources.ranks=16 --set resources.nodes=2 mpi.yaml
like 'plan shows what would be started' "$out" 'mpiexec -n 16 ./prog 1$'
like 'plan shows the resources' "$out" '^  2 nodes, 16 ranks of 1 cpu, constraint fast, licences x:1, exclusive each: 2 tasks$'
like 'plan shows settings' "$out" '^  submit.element_time  1h  \(mpi.yaml:5\)$'
ok 'what a task gets is no part of the code: nothing is stale' \
	ppgen run -n --set resources.ranks=1 --set submit.elements=7 --set resources.constraint=slow mpi.yaml
like 'nothing to run' "$err" '2 tasks|all 2'
unlike 'nothing is stale' "$err" 'stale'

cat >shell.yaml <<'END'
ppgen: 1
params: {T: [1]}
shell: $PPGEN_LAUNCH ./prog "$T"
resources: {ranks: 1}
results: {stdout: json}
END
ok 'PPGEN_LAUNCH starts the program' ppgen run -q shell.yaml
like 'by a shell' runs/shell/collect/results.csv ',1,1$'

put <<'END'
default: a
sites: {a: {launch: [srun, "--ntasks={{ranks}}", "a b"], scheduler: slurm}}
END
ok 'submit --dry-run' ppgen submit -n --force mpi.yaml
like 'shows the site'"'"'s launcher' "$out" "srun --ntasks=1 'a b' ./prog 1\$"
rm "$file"

cat >keep.yaml <<'END'
ppgen: 1
params: {T: [1]}
shell: |
  n=$(cat "$PPGEN_KEEP/n" 2>/dev/null || echo 0)
  echo $((n + 1)) >"$PPGEN_KEEP/n"
  [ "$n" -ge 2 ] || exit 1
  echo "$n"
retry: 3
results: {stdout: number}
END
ok '{keep} lasts over attempts' ppgen run -q keep.yaml
like 'until one is good' runs/keep/collect/results.csv ',2$'

cat >save.yaml <<'END'
ppgen: 1
params: {T: [1]}
shell: |
  trap 'echo saved >"$PPGEN_KEEP/state"; exit 3' USR2
  if [ -f "$PPGEN_KEEP/state" ]; then echo '{"state": "found"}'; exit; fi
  while :; do sleep 0.1; done
resources: {time: 100}
checkpoint: {signal: USR2, before: 99}
retry: {times: 1, on: timeout}
results: {stdout: json}
END
ok 'a checkpoint signal' ppgen run -q save.yaml
like 'lets a task save its state' runs/save/collect/results.csv 'found'

done_testing
