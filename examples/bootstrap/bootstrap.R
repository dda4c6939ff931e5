# How sure is the slope of a regression line? Old Faithful's eruptions against the waiting time before them: data that R carries.
slope <- function(n, seed) {
  set.seed(seed)
  drawn <- faithful[sample(nrow(faithful), n, replace = TRUE), ]
  line <- coef(lm(eruptions ~ waiting, drawn))
  list(slope = line[["waiting"]], intercept = line[["(Intercept)"]])
}
