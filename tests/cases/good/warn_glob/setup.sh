mkdir data && touch data/b_R1.nc data/a_R2.nc data/a_R1.nc data/.h_R1.nc data/a.nc 'data/c d_R1.nc'
