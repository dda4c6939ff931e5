mkdir x y && touch x/b.nc x/a.nc y/a.nc y/a.txt
