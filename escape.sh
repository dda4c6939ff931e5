cd "$PBS_O_WORKDIR" || exit
setsid sleep 1000 &
echo $! >>pids.new
(setsid sh -c 'echo $$ >>pids.new; exec sleep 1000' &)
(env -i setsid sh -c 'echo $$ >>pids.new; exec sleep 1000' &)
echo $$ >>pids.new
until [ "$(wc -l <pids.new)" -ge 4 ]; do sleep 0.05; done
mv pids.new pids
sleep 1000
