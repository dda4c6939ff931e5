run <- function(T) T
