# Does a model know what is special about a country?
#
#   valuescope export tables --format dta
#   Rscript analysis.R tables/analysis_cells.dta
#
# One multilevel model for each language model. Its mean score of a cell is taken apart: its mean over the countries of a
# question, and what it says of the country beyond that. People's mean scores are regressed on both, with countries,
# batteries and questions as random effects. The survey's standard error is known for each mean score, so it is given
# and only the rest of the residual variance is estimated. blind_mean_score, the mean of all other countries, is not
# in it: with questions in the model it gives each country's own score away.
# Needs the packages haven and lme4.

library(haven)
suppressPackageStartupMessages(library(lme4))

# lmer with a residual variance of tau^2 + SE^2, SE known: tau^2 is where the weighted residuals have variance 1
# (Paule and Mandel 1982), and 0 where the survey's error alone explains them.
lmer_known_error <- function(formula, data) {
  fit <- function(tau_squared) {
    weights <- 1 / (tau_squared + data$human_standard_error^2)
    # Around 1, which lmer converges better with; the residual variance is then that of a usual cell.
    data$weight_of_cell <- weights / mean(weights)
    list(model = lmer(formula, data, weights = weight_of_cell), scale = mean(weights))
  }
  beyond_one <- function(log_tau_squared) {
    found <- fit(exp(log_tau_squared))
    sigma(found$model)^2 * found$scale - 1
  }
  ends <- log(c(1e-8, 4))
  tau_squared <- if (beyond_one(ends[1]) <= 0) 0 else exp(uniroot(beyond_one, ends, tol = 1e-4)$root)
  list(fit = fit(tau_squared)$model, tau = sqrt(tau_squared))
}

known_by <- function(cells) {
  cells$country <- as_factor(cells$country_number)
  cells$of_question <- ave(cells$llm_mean_score, cells$question_id)
  cells$of_country <- cells$llm_mean_score - cells$of_question
  varies <- function(term) sd(cells[[term]]) > 1e-9
  terms <- Filter(varies, c("of_question", "of_country"))
  groups <- c("(1 | country)", "(1 | battery_id)", "(1 | question_id)")
  known <- lmer_known_error(reformulate(c(terms, groups), "human_mean_score"), cells)
  # A model that says the same of every country has no slope.
  slopes <- coef(summary(known$fit))
  slope <- function(term, what) if (term %in% terms) slopes[term, what] else NA_real_
  data.frame(
    model = cells$model[1],
    cells = nrow(cells),
    slope = slope("of_country", "Estimate"),
    standard_error = slope("of_country", "Std. Error"),
    slope_of_question = slope("of_question", "Estimate"),
    tau = known$tau,
    mean_survey_error = mean(cells$human_standard_error)
  )
}

# The same with brms, which takes the error as it is and gives tau as `sigma` (slower; needs Stan):
#   brm(human_mean_score | se(human_standard_error, sigma = TRUE) ~ of_question + of_country +
#     (1 | country) + (1 | battery_id) + (1 | question_id), data = cells)

read_cells <- function(path) {
  cells <- if (endsWith(path, ".sav")) read_sav(path) else read_dta(path)
  # One design for each model, and the cells that both sides have a mean score of, with its error.
  kept <- cells$is_headline == 1 & cells$null_reason == "" &
    !is.na(cells$human_standard_error) & cells$human_standard_error > 0
  cells[kept, ]
}

path <- commandArgs(trailingOnly = TRUE)[1]
cells <- read_cells(if (is.na(path)) "tables/analysis_cells.dta" else path)
if (nrow(cells) == 0) stop("No cell has both mean scores and the survey's standard error.")
results <- do.call(rbind, lapply(split(cells, cells$model_id), known_by))
rownames(results) <- NULL
print(results, digits = 4)
