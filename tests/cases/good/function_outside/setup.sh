touch ../function_elsewhere.py
