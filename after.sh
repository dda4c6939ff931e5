echo ran >>"$PBS_O_WORKDIR/after.$PBS_JOBNAME"
