# What does each model add to knowing the other countries?
#
#   valuescope export tables --format dta
#   Rscript analysis.R tables/analysis_cells.dta
#
# One multilevel model for each language model: people's mean scores on the mean of all other countries (blind) and on
# the language model's mean score, with countries, batteries and questions as random effects. The survey's standard
# error is known for each mean score, so it is given and only the rest of the residual variance is estimated.
# Needs the packages haven and lme4.

library(haven)
suppressPackageStartupMessages(library(lme4))

# lmer with a residual variance of tau^2 + SE^2, SE known: tau^2 is where the weighted residuals have variance 1
# (Paule and Mandel 1982), and 0 where the survey's error alone explains them.
lmer_known_error <- function(formula, data) {
  fit <- function(tau_squared) {
    data$weight_of_cell <- 1 / (tau_squared + data$human_standard_error^2)
    lmer(formula, data, weights = weight_of_cell)
  }
  beyond_one <- function(log_tau_squared) sigma(fit(exp(log_tau_squared)))^2 - 1
  ends <- log(c(1e-8, 4))
  tau_squared <- if (beyond_one(ends[1]) <= 0) 0 else exp(uniroot(beyond_one, ends, tol = 1e-4)$root)
  list(fit = fit(tau_squared), tau = sqrt(tau_squared))
}

added_by <- function(cells) {
  cells$country <- as_factor(cells$country_number)
  formula <- human_mean_score ~ blind_mean_score + llm_mean_score +
    (1 | country) + (1 | battery_id) + (1 | question_id)
  known <- lmer_known_error(formula, cells)
  slopes <- coef(summary(known$fit))
  data.frame(
    model = cells$model[1],
    cells = nrow(cells),
    slope = slopes["llm_mean_score", "Estimate"],
    standard_error = slopes["llm_mean_score", "Std. Error"],
    blind_slope = slopes["blind_mean_score", "Estimate"],
    tau = known$tau,
    mean_survey_error = mean(cells$human_standard_error)
  )
}

# The same with brms, which takes the error as it is and gives tau as `sigma` (slower; needs Stan):
#   brm(human_mean_score | se(human_standard_error, sigma = TRUE) ~ blind_mean_score + llm_mean_score +
#     (1 | country) + (1 | battery_id) + (1 | question_id), data = cells)

read_cells <- function(path) {
  cells <- if (endsWith(path, ".sav")) read_sav(path) else read_dta(path)
  # One design for each model, and the cells that both sides have a mean score of, with its error.
  kept <- cells$is_headline == 1 & cells$null_reason == "" &
    !is.na(cells$human_standard_error) & cells$human_standard_error > 0 & !is.na(cells$blind_mean_score)
  cells[kept, ]
}

path <- commandArgs(trailingOnly = TRUE)[1]
cells <- read_cells(if (is.na(path)) "tables/analysis_cells.dta" else path)
if (nrow(cells) == 0) stop("No cell has both mean scores and the survey's standard error.")
results <- do.call(rbind, lapply(split(cells, cells$model_id), added_by))
rownames(results) <- NULL
print(results, digits = 4)
