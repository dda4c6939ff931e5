mkfifo t.csv
ln -s t.csv s.tsv
