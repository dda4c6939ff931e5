"""All files as one pandas DataFrame."""
from ppgen import parallel_processing as pp

if __name__ == "__main__":
    rain = pp.batch_read_csv("data/*.csv", parse_dates=["day"])
    print(rain.head())
    print("{} rows, {:.1f} mm".format(len(rain), rain["mm"].sum()))
