mkfifo list.txt
