"""Words for the codes of marts: measures, why one is missing, how models and who was asked."""

_WORDS = {
    "too_few_questions": "too few questions",
    "too_few_countries": "too few countries",
    "too_few_batteries": "the questions come from too few batteries",
    "one_battery_dominates": "most questions come from one battery",
    "too_few_designs": "asked in too few ways",
    "too_few_reference_countries": "too few other countries have these questions",
    "no_variance": "no variance",
    "no_variance_in_model": "the model gives the same answer everywhere",
    "no_variance_in_survey": "people give the same answer everywhere",
    "no_country_variation": "the model says the same of every country",
    "no_country_with_r": "no country has an r",
    "no_country_r": "no country has an r",
    "no_survey_loaded": "no survey is loaded",
    "no_dk_counts": 'the file has no "don\'t know" answers, which this coding needs',
    "not_asked": "the survey did not ask this",
    "country_not_surveyed": "the survey was not held there",
    "nominal_scale": "the choices have no order",
    "knowledge_question": "a quiz question with a right answer",
    "incomplete_choices": "not all choices were scored",
    "question_without_other_countries": "no other country has one of the questions",
    "order_not_controlled": "the choices were shown in one order only",
    "different_quantization": "the two files round their weights differently",
    "country_free": "asked without a country",
    "no_human_shares": "people gave no answers there",
    "group_not_surveyed": "the loaded people are not divided so",
    "year_not_surveyed": "no loaded wave is near the year",
    "same_wave": "one wave is the nearest to both years",
    "no_spread_in_people": "people's groups differ no more than samples do",
    "too_few_placebos": "too few invented countries",
    "no_variance_in_placebos": "the model says the same of all invented countries",
    "noise_not_measured": "numerical noise was not measured",
    "pearson_r": "r",
    "demeaned_pearson_r": "demeaned r",
}


def in_words(code: str) -> str:
    """Return a code as words: `too_few_batteries`, "the questions come from too few batteries"."""
    return _WORDS.get(code, code.replace("_", " "))


def words() -> dict[str, str]:
    """Return the codes whose words are more than the code without its underscores."""
    return dict(_WORDS)


# Template, coding, wording set, answer style, order and chat mode.
_DESIGN_NAMES = 6
# Survey, wave selection, weighting and subgroup.
_POPULATION_COLONS = 3
_STYLES = {"label_text": "label and text"}
_ORDERS = {"forward": "order as asked", "reverse": "order reversed", "averaged": "orders averaged"}
_CHATS = {"template": "own chat template", "raw": "no chat template"}
_ELICITATIONS = {"probability": "stated probabilities", "sampled": "sampled answers"}
_WEIGHTINGS = {
    "within_country": "weighted within countries",
    "unweighted": "unweighted",
    "unstated": "weighting not stated",
}


def design_in_words(prompt_name: str) -> str:
    """Return the name of a prompt as words, without what is usual.

    >>> design_in_words("paper native valuescope label_text averaged template")
    'paper template, label and text, orders averaged, own chat template'
    """
    names = prompt_name.split(" ")
    if len(names) < _DESIGN_NAMES:
        return prompt_name
    template, coding, wording_set, style, order, chat, *others = names
    parts = [f"{template} template"]
    parts += [f"{coding} coding"] if coding != "native" else []
    parts += [f"wordings {wording_set}"] if wording_set != "valuescope" else []
    parts += [_STYLES.get(style, style), _ORDERS.get(order, order.replace("_", " by "))]
    parts += [_CHATS.get(chat, chat), *(_ELICITATIONS.get(name, name) for name in others)]
    return ", ".join(parts)


def people_in_words(population_id: str) -> str:
    """Return the id of a population as words.

    >>> people_in_words("wvs:7:within_country:all")
    'WVS, wave 7, weighted within countries'
    """
    if population_id.count(":") < _POPULATION_COLONS:
        return population_id
    survey_id, wave, weighting, subgroup = population_id.split(":", _POPULATION_COLONS)
    if wave == "latest":
        waves = "newest wave of each question"
    else:
        waves = f"waves since {wave[6:]}" if wave.startswith("since-") else f"wave {wave}"
    parts = [survey_id.upper(), waves, _WEIGHTINGS.get(weighting, weighting)]
    return ", ".join(parts + ([subgroup] if subgroup != "all" else []))
