#!/bin/sh
# SPDX-License-Identifier: MIT
# ppgen collect --csv: many CSV files of one structure into one.
. "$(dirname "$0")/lib.sh"

mkdir data
printf 'a,b\n1,2\n' >data/2.csv
printf 'a,b\r\n3,"x, y"\r\n' >data/10.csv
printf '\357\273\277a,b\n5,"line\nbreak"' >data/3.csv
printf 'a,b\n' >data/4.csv
exits 0 ppgen collect --csv 'data/*.csv' -o all.csv
is 'sorted by name, one header' "$(cat all.csv)" 'a,b
3,"x, y"
1,2
5,"line
break"'
like 'counts' "$err" '3 rows of 4 files'
exits 0 ppgen collect --csv data/2.csv data/10.csv
is 'files by name, to stdout' "$(cat "$out")" 'a,b
3,"x, y"
1,2'
exits 0 ppgen collect --csv 'data/*.csv' -o data/all.csv
exits 0 ppgen collect --csv 'data/*.csv' -o data/all.csv
is 'the output is never among the inputs' "$(wc -l <data/all.csv | tr -d ' ')" 5
rm data/all.csv
exits 0 ppgen collect --csv 'data/*.csv' -o all.jsonl
is 'JSON Lines' "$(jq -c '[.a,.b]' all.jsonl | head -n 1)" '[3,"x, y"]'
mkfifo data/pipe
printf 'a,b\n7,8\n' >data/pipe &
exits 0 ppgen collect --csv data/pipe data/2.csv
is 'a pipe is read in its turn' "$(cat "$out")" 'a,b
1,2
7,8'
wait
rm data/pipe
printf 'a,c\n1,2\n' >data/5.csv
exits 2 ppgen collect --csv 'data/*.csv' -o new.csv
like 'another header' "$err" "data/5.csv.*'c'.*'b'"
ok 'nothing is written' test ! -e new.csv
printf 'a,b\n1,2\n3\n' >data/5.csv
exits 2 ppgen collect --csv 'data/*.csv' -o new.csv
like 'a ragged row' "$err" 'data/5.csv.*line 3'
: >data/5.csv
exits 2 ppgen collect --csv 'data/*.csv' -o new.csv
like 'an empty file' "$err" 'data/5.csv'
exits 2 ppgen collect --csv 'nothing/*.csv'
like 'no match' "$err" 'nothing/'
exits 2 ppgen collect --csv
done_testing
