#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What ppgen asks of a real Slurm: resources of every kind, what the site file and the command line add, scripts that are submitted
# by hand, and requests that Slurm refuses.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"
cluster_up slurm --no-rest

# A job as Slurm shows it; it does so for minutes after the job's end.
shown() {
	scontrol show job "$1" | tr -s ' \n' '\n\n'
}

# ---- resources

cat >gpus.yaml <<'END'
ppgen: 1
params: {x: [1, 2, 3, 4]}
shell: |
  touch "here$x"
  until [ -e go ]; do sleep 0.1; done
  echo "$CUDA_VISIBLE_DEVICES"
resources: {cpus: 1, memory: 50M, time: 1m, gpus: 1, gpu_type: a100}
submit: {slots: 2, elements: 1}
results: {stdout: text}
END
cat >kinds.yaml <<'END'
ppgen: 1
params: {kind: [feature, licence, alone, wide]}
command: sh -c "env | grep SLURMD_NODENAME"
resources: {cpus: 1, memory: 50M, time: 1m}
overrides:
  - {where: kind == 'feature', constraint: big}
  - {where: kind == 'licence', licences: "matlab:2"}
  - {where: kind == 'alone', exclusive: true}
  - {where: kind == 'wide', cpus: 3, memory: 300M, time: 150s}
results: {stdout: text}
END
ok 'two gpus, two tasks at a time' ppgen submit -q gpus.yaml
ok 'resources of four kinds' ppgen submit -q kinds.yaml
is 'are as many arrays' "$(find "$(submission kinds.yaml)" -name 'array-*.sh' | wc -l)" 4
finished kinds.yaml
is 'all is good' "$code" 0
for k in 1 2 3 4; do
	shown "$(job kinds.yaml $k)" >kind.$k
done
cat kind.? >kinds
like 'a constraint' "$(grep -l 'Features=big' kind.?)" '^NodeList=n2$'
like 'is kept to' <(grep feature "$(run_of kinds.yaml)/collect/results.csv") 'SLURMD_NODENAME=n2$'
is 'licences' "$(grep -c '^Licenses=matlab:2$' kinds)" 1
is 'a node of its own' "$(grep -c '^OverSubscribe=NO$' kinds)" 1
wide=$(grep -l '^NumCPUs=3$' kind.?)
like 'processors and memory of a task, and some for ppgen' "$wide" '^MinMemoryNode=364M$'
like 'time in whole minutes, with what an element needs besides' "$wide" '^TimeLimit=00:0[34]:00$'

eventually 30 test -e here1 -a -e here2
is 'no third task without a gpu' "$(starts gpus.yaml)" 2
like 'gpus of a type' <(shown "$(job gpus.yaml 1)") '^TresPerNode=gres:gpu:a100:2$'
touch go
finished gpus.yaml
cut -d, -f 2,4- "$(run_of gpus.yaml)/collect/results.csv" | sort >gpus.csv
is 'tasks have one each, and never the same at a time' \
	"$(sed -n 's/^[12],//p' gpus.csv | sort | paste -s -d ' ')" '0 1'

# ---- the site file

mkdir -p "$XDG_CONFIG_HOME/ppgen"
cat >"$XDG_CONFIG_HOME/ppgen/sites.yaml" <<'END'
default: here
sites:
  here:
    hosts: ["*"]
    partition: short
    reservation: ours
    mail: me@example.org
    directives: ["#SBATCH --comment=all"]
    finaliser: {memory: 100M, time: 2m, directives: ["#SBATCH --comment=last"]}
    when:
      - {if: cpus > 1, partition: main, directives: ["#SBATCH --comment=many"]}
END
cat >sites.yaml <<'END'
ppgen: 1
params: {cpus_wanted: [1, 2]}
command: echo {cpus_wanted}
resources: {cpus: 1}
overrides: [{where: cpus_wanted > 1, cpus: 2}]
results: {stdout: number}
END
ok 'a reservation' scontrol create reservation reservationname=ours starttime=now duration=60 users="$(id -un)" nodes=n3
ok 'a site file' ppgen submit -q sites.yaml
finished sites.yaml
is 'all is good' "$code" 0
shown "$(job sites.yaml 1)" >first
shown "$(job sites.yaml 2)" >second
shown "$(job sites.yaml finalise)" >last
like 'its partition' first '^Partition=short$'
like 'its reservation' first '^Reservation=ours$'
like 'mail' first '^MailUser=me@example.org$'
like 'when it ends, however' first '^MailType=.*END,FAIL'
like 'its directives' first '^Comment=all$'
like 'its partition for some tasks' second '^Partition=main$'
like 'its directives for them' second '^Comment=many$'
like 'the finaliser has its partition' last '^Partition=short$'
like 'and what is said for it' last '^Comment=last$'
like 'memory' last '^MinMemoryNode=1(00|64)M$'
like 'time' last '^TimeLimit=00:02:00$'
rm "$XDG_CONFIG_HOME/ppgen/sites.yaml"
scontrol delete reservationname=ours

# ---- the command line

cat >extra.yaml <<'END'
ppgen: 1
params: {x: [1, 2, 3]}
command: echo {x}
results: {stdout: number}
END
ok 'a job of somebody else' sbatch --parsable --hold -o /dev/null --wrap true
other=$(cat "$out")
ok 'options for sbatch' ppgen submit -q extra.yaml -- -p main,short --nice=7 "--comment=a 'b' \$c" -J mine --dependency="afterany:$other"
shown "$(job extra.yaml 1)" >first
shown "$(job extra.yaml finalise)" >last
like 'reach it' first '^Partition=main,short$'
like 'all of them' first '^Nice=7$'
is 'as they are' "$(scontrol show job "$(job extra.yaml 1)" | sed -n 's/^ *Comment=\(.*[^ ]\) *$/\1/p' | head -n 1)" "a 'b' \$c"
like 'the finaliser gets them too' last '^Partition=main,short$'
like 'a dependency keeps the array back' first "^Dependency=afterany:$other"
told() {
	rm -f "$(submission "$1")/asked.json" # else it is asked once a minute
	ppgen status "$1"
}
eventually 20 says 'are held' told extra.yaml
like 'status says why it does not begin' <(told extra.yaml) "^  elements 0 to 2 of job [0-9]+ are held in 'PENDING Dependency'\$"
like 'but the finaliser waits for the array' last "^Dependency=afterany:$(job extra.yaml 1)_"
like 'and a job keeps the name by which it is found' first '^JobName=extra-[a-z0-9]+-1$'
ok 'it may begin' scancel "$other"
finished extra.yaml
is 'all is good' "$code" 0

for options in --nonsense '-p nothere' '--mem=9999999' '--gres=gpu:3' '-C nofeature' '--reservation=none' '-L foo:1' '-N 9 -n 9' '-c 99'; do
	rm -rf runs/extra
	# shellcheck disable=SC2086 # several words
	exits 2 ppgen submit extra.yaml -- $options
	like "refused in Slurm's words: $options" "$err" '^ppgen: sbatch refused array-1.sh \(exit code [0-9]+\): (sbatch|allocation failure): '
	like 'it has ended' "$(submission extra.yaml)/ended.json" '"how":"refused"'
done
exits 3 ppgen wait -q extra.yaml
is 'nothing of it is in the queue' "$(squeue -h -o %j | grep '^extra')" ''

# Slurm takes this one, and lets it wait for ever.
ok 'more time than the partition has' ppgen submit -q --set resources.time=1h extra.yaml -- -p short
eventually 30 says PartitionTimeLimit squeue -h -o %r
like 'status says that it is stuck' <(told extra.yaml) "^  elements 0 to 2 of job [0-9]+ are stuck in 'PENDING PartitionTimeLimit'"
ok 'it is cancelled' ppgen cancel extra.yaml

# All nodes are away for a while: nobody can tell this from a job that could never run.
scontrol update nodename=n[1-3] state=drain reason=test
exits 2 ppgen submit extra.yaml
like 'nodes that are drained are no nodes' "$err" 'node configuration is not available: .*`ppgen submit --no-test`'
ok 'but it can be submitted' ppgen submit --no-test extra.yaml
scontrol update nodename=n[1-3] state=resume
finished extra.yaml
is 'and runs when they are back' "$code" 0

# ---- by hand

cp extra.yaml hand.yaml
sed -i 's/x: .*/x: [1, 2, 3, 4], y: [a, b]/; s/{x: /{grid: {x: /; s/\]$/]}}/' hand.yaml
echo "overrides: [{where: y == 'b', cpus: 2}]" >>hand.yaml
ok 'the same tasks on this machine' ppgen run -q -d local hand.yaml
ok 'scripts to be submitted by hand' ppgen submit --emit "$T/by hand" hand.yaml
is 'are all there' "$(cd 'by hand' && echo *)" 'array-1.sh array-2.sh finalise.sh submit.sh'
is 'and nothing is submitted' "$(squeue -h -o %j | grep '^hand')" ''
exits 2 ppgen submit hand.yaml
like 'who submits again is told' "$err" 'to be submitted by hand'
ok 'they work' sh -e 'by hand/submit.sh'
like 'and say their ids' "$out" '^finaliser: [0-9]+$'
finished hand.yaml
is 'all is good' "$code" 0
is 'the table of a local run' "$(table hand.yaml)" "$(sha256sum <local/collect/results.csv)"
ok 'a dry run' ppgen submit -n --force hand.yaml
like 'shows the commands' "$out" '^id1=\$\(sbatch --parsable .*array-1.sh.*\)'
like 'and the scripts' "$out" '^#SBATCH --cpus-per-task=2$'
is 'nothing is left in the queue' "$(squeue -h)" ''
done_testing
