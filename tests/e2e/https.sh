#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Inputs and tables by URL, from a real local HTTPS server: fetched once, checked, kept in the run; and all that must be refused.

. "$(dirname "$0")/lib.sh"

for needed in python3 openssl sha256sum; do
	command -v $needed >/dev/null || skip_all "no $needed here"
done
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY SSL_CERT_FILE SSL_CERT_DIR

# ---- certificates: an authority that we name to ppgen, one that nobody knows, and a good certificate for another host

S=$H/server
mkdir "$S"

authority() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=ppgen test $1" -addext basicConstraints=critical,CA:TRUE \
		-addext keyUsage=critical,keyCertSign -keyout "$S/$1.key" -out "$S/$1.crt" 2>>"$S/openssl.log"
}

# certificate NAME AUTHORITY SUBJECT-ALTERNATIVE-NAME
certificate() {
	printf 'subjectAltName=%s\n' "$3" >"$S/$1.ext"
	openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$S/$1.key" -out "$S/$1.csr" 2>>"$S/openssl.log" &&
		openssl x509 -req -in "$S/$1.csr" -CA "$S/$2.crt" -CAkey "$S/$2.key" -CAcreateserial -days 2 \
			-extfile "$S/$1.ext" -out "$S/$1.crt" 2>>"$S/openssl.log"
}

if ! { authority known && authority unknown && certificate good known 'IP:127.0.0.1' &&
	certificate stranger unknown 'IP:127.0.0.1' && certificate misnamed known 'DNS:example.org'; }; then
	cat "$S/openssl.log"
	echo 'Bail out! openssl makes no certificates'
	exit 99
fi
CURL_CA_BUNDLE=$S/known.crt
export CURL_CA_BUNDLE

# ---- the server

printf 'lattice 16\n' >"$S/data.txt"
printf 'x,y\n1,one\n2,two\n3,three\n' >"$S/table.csv"
data=$(sha256sum "$S/data.txt" | cut -d ' ' -f 1)
table=$(sha256sum "$S/table.csv" | cut -d ' ' -f 1)
wrong=0000000000000000000000000000000000000000000000000000000000000000

python3 "$SRC/tests/e2e/https_server.py" "$S" "good=$S/good.crt,$S/good.key" "stranger=$S/stranger.crt,$S/stranger.key" \
	"misnamed=$S/misnamed.crt,$S/misnamed.key" >"$S/server.out" 2>&1 &
server=$!
at_end "kill $server"
if ! within 20 test -f "$S/misnamed.port"; then
	cat "$S/server.out"
	echo 'Bail out! the server does not start'
	exit 99
fi
base=https://127.0.0.1:$(cat "$S/good.port")

# How often the server was asked for a path.
asked() {
	grep -c "^GET $1\$" "$S/good.log" 2>/dev/null
}

# spec_input NAME URL SHA256: a spec with an input by URL, whose tasks print it.
spec_input() {
	cat >"$1.yaml" <<-SPEC
		ppgen: 1
		name: $1
		params: {T: [1, 2]}
		inputs:
		  data: {url: "$2", sha256: "$3"}
		command: cat {data}
		results: {stdout: text}
	SPEC
}

# spec_table NAME URL SHA256: a spec whose points are the rows of a table by URL.
spec_table() {
	cat >"$1.yaml" <<-SPEC
		ppgen: 1
		name: $1
		params:
		  table: {url: "$2", sha256: "$3"}
		command: echo {y}
		results: {stdout: text}
	SPEC
}

# refused NAME ERE: the run must fail with such a message, and neither keep the file nor run a task.
refused() {
	test_code=0
	ppgen run "$1.yaml" >"$out" 2>"$err" || test_code=$?
	is "$1: exit 2 or 3, not $test_code" "$((test_code == 2 || test_code == 3))" 1
	like "$1: the message" "$err" "$2"
	is "$1: nothing is kept" "$(find "runs/$1/inputs" -type f 2>/dev/null)" ''
	is "$1: no task was run" "$(find "runs/$1/journal" -type f 2>/dev/null)" ''
}

# ---- an input

spec_input input "$base/file/data.txt" "$data"
exits 0 ppgen run input.yaml
is 'the input was fetched once' "$(asked /file/data.txt)" 1
same_file 'it is kept in the run' "runs/input/inputs/$data" "$S/data.txt"
is 'both tasks read it' "$(grep -c 'lattice 16' runs/input/collect/results.csv)" 2
exits 0 ppgen run input.yaml
is 'it is not fetched again by a second run' "$(asked /file/data.txt)" 1
exits 0 ppgen run --force input.yaml
is 'nor by one that runs all again' "$(asked /file/data.txt)" 1
printf 'damaged\n' >"runs/input/inputs/$data"
exits 0 ppgen run --force input.yaml
same_file 'a kept file that was damaged is fetched again' "runs/input/inputs/$data" "$S/data.txt"
is 'once' "$(asked /file/data.txt)" 2

upper=$(printf '%s' "$data" | tr a-f A-F)
spec_input upper "$base/file/data.txt" "$data"
sed "s/sha256: \"$data\"/sha256: \"$upper\"/" upper.yaml >upper2.yaml && mv upper2.yaml upper.yaml
exits 0 ppgen run upper.yaml

spec_input redirected "$base/to/https/data.txt" "$data"
exits 0 ppgen run redirected.yaml
same_file 'a redirect to https is followed' "runs/redirected/inputs/$data" "$S/data.txt"

spec_input flaky "$base/flaky/data.txt" "$data"
exits 0 ppgen run flaky.yaml
is 'a transient fault (503) is tried again' "$(asked /flaky/data.txt)" 2

# ---- a table

spec_table table "$base/file/table.csv" "$table"
exits 0 ppgen run table.yaml
is 'the table was fetched once' "$(asked /file/table.csv)" 1
same_file 'it is kept in the run' "runs/table/inputs/$table" "$S/table.csv"
is 'its rows are the points' "$(grep -cE ',(one|two|three),' runs/table/collect/results.csv)" 3
exits 0 ppgen run table.yaml
exits 0 ppgen status table.yaml
exits 0 ppgen collect table.yaml
is 'it is not fetched again' "$(asked /file/table.csv)" 1

# ---- what is refused

spec_input wronghash "$base/file/data.txt" "$wrong"
refused wronghash "$wrong"
like 'wronghash: it also names the hash that came' "$err" "$data"
spec_table wrongtable "$base/file/table.csv" "$wrong"
refused wrongtable "$wrong"
spec_input short "$base/short/data.txt" "$data"
refused short '127\.0\.0\.1'
spec_table shorttable "$base/short/table.csv" "$table"
refused shorttable '127\.0\.0\.1'
spec_input chunk "$base/chunk/data.txt" "$data"
refused chunk '127\.0\.0\.1'
spec_input stranger "https://127.0.0.1:$(cat "$S/stranger.port")/file/data.txt" "$data"
refused stranger 'certificate'
spec_input misnamed "https://127.0.0.1:$(cat "$S/misnamed.port")/file/data.txt" "$data"
refused misnamed 'certificate|host name|127\.0\.0\.1'
is 'nothing was asked of servers with bad certificates' "$(cat "$S/stranger.log" "$S/misnamed.log" 2>/dev/null)" ''
spec_input missing "$base/file/nowhere.txt" "$data"
refused missing '404'
spec_input loop "$base/to/loop/data.txt" "$data"
refused loop 'redirect'
spec_input tofile "$base/to/file/data.txt" "$data"
refused tofile 'file|redirect|protocol'
spec_input nobody "https://127.0.0.1:1/data.txt" "$data"
refused nobody '127\.0\.0\.1'

spec_input localfile "file://$S/data.txt" "$data"
exits 2 ppgen check localfile.yaml
like 'file:// is refused with a position' "$err" '^localfile\.yaml:5:[0-9]+: .*http'
spec_table localtable "file://$S/table.csv" "$table"
exits 2 ppgen check localtable.yaml
like 'file:// is refused for a table' "$err" '^localtable\.yaml:4:[0-9]+: .*http'
spec_input ftp "ftp://127.0.0.1/data.txt" "$data"
exits 2 ppgen check ftp.yaml
sed '/^  data:/s/, sha256: .*}/}/' input.yaml >nohash.yaml
exits 2 ppgen check nohash.yaml
like 'an input by URL without sha256 is refused' "$err" "^nohash\.yaml:5:[0-9]+: .*sha256"

# ---- credentials

spec_input secret "$(printf '%s' "$base" | sed 's,//,//user:s3cret@,')/secret/data.txt?api_key=t0psecret" "$data"
exits 0 ppgen run secret.yaml
same_file 'credentials in the URL are sent' "runs/secret/inputs/$data" "$S/data.txt"
unlike 'they are not printed' "$err" 's3cret|t0psecret'
is 'they are in no file of the run' "$(grep -rlE 's3cret|t0psecret' runs/secret)" ''
exits 0 ppgen status secret.yaml
exits 0 ppgen run --force secret.yaml
is 'and the run goes on without being fetched again' "$(asked '/secret/data.txt?api_key=t0psecret')" 1
rm "runs/secret/inputs/$data"
exits 0 ppgen run --force secret.yaml
is 'what is gone is fetched again with them' "$(asked '/secret/data.txt?api_key=t0psecret')" 2
is 'and they are still in no file of the run' "$(grep -rlE 's3cret|t0psecret' runs/secret)" ''
exits 0 ppgen plan secret.yaml
unlike 'nor does plan show them' "$out" 's3cret|t0psecret'
spec_table secrettable "$(printf '%s' "$base" | sed 's,//,//user:s3cret@,')/secret/table.csv?api_key=t0psecret" "$table"
exits 0 ppgen run secrettable.yaml
is 'a table with credentials leaves none either' "$(grep -rlE 's3cret|t0psecret' runs/secrettable)" ''
spec_input denied "$(printf '%s' "$base" | sed 's,//,//user:wr0ng@,')/secret/data.txt" "$data"
refused denied '401'
unlike 'a wrong password is not printed' "$err" 'wr0ng'

done_testing
