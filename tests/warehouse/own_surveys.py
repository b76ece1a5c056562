"""A small survey of one's own, as the files that a home holds."""

from pathlib import Path

from valuescope.warehouse.home import Home

FILES = {
    "survey": """\
survey_id,survey_name,default_wave,citation,doi
leisure,Leisure Survey,2,"Muster, E. (2020). Leisure Survey.",
""",
    "categories": """\
category_id,survey_id,category_name,category_order,in_paper,question_range
leisure:sport,leisure,Sport,1,false,
leisure:reading,leisure,Reading,2,false,
""",
    "questions": """\
question_id,survey_id,question_order,category_id,battery_id,short_label,wording,scale_kind,polarity,\
pole,in_paper_set,paper_set_confidence,correct_choice_index,caution
leisure:Q1,leisure,1,leisure:sport,leisure:Q1,Running,How often do you run?,ordinal,1,sport,false,,,
leisure:club,leisure,2,leisure:sport,leisure:club,Club,Are you in a sports club?,binary,,,false,,,
leisure:novel,leisure,3,leisure:reading,leisure:novel,Novels,"Which novels, if any, do you read?",\
nominal,,,false,,,
""",
    "choices": """\
coding_id,question_id,choice_index,choice_text,survey_codes,is_on_scale,is_dont_know
native,leisure:Q1,1,Never,0,true,false
native,leisure:Q1,2,Sometimes,1|2,true,false
native,leisure:Q1,3,Often,3,true,false
native,leisure:Q1,,Cannot run,7,false,false
native,leisure:club,1,Yes,1,true,false
native,leisure:club,2,No,2,true,false
native,leisure:novel,1,Crime,1,true,false
native,leisure:novel,2,Romance,2,true,false
native,leisure:novel,3,None,3,true,false
""",
}


def write_survey(home: Home, **replaced: str) -> Path:
    """Write the survey into the home; `replaced` has the texts of files that differ."""
    folder = home.surveys / "leisure"
    folder.mkdir(parents=True)
    for name, text in (FILES | replaced).items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder
