"use strict";
// Fills the page: what was chosen decides the rows of each exhibit, and Vega draws them.
(async () => {
    const ONLY_ERRORS = 1; // A chart whose rows are all null would warn.
    const isDark = matchMedia("(prefers-color-scheme: dark)");

    // --- What the file holds -------------------------------------------------------------------

    async function unpacked(id) {
        const packed = document.getElementById(id).textContent;
        const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
        const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
        return JSON.parse(await new Response(stream).text());
    }

    const kept = new Map();
    const opened = (id) => {
        if (!kept.has(id)) kept.set(id, unpacked(id));
        return kept.get(id);
    };

    // Columns to rows.
    function rowsOf(table) {
        const names = Object.keys(table);
        if (!names.length) return [];
        return table[names[0]].map((_, row) =>
            Object.fromEntries(names.map((name) => [name, table[name][row]])));
    }

    const frame = await opened("frame");
    const countryCount = frame.countries.length;
    const exhibits = new Map(frame.exhibits.map((exhibit) => [exhibit.id, exhibit]));

    // --- Cells: the rows of exhibits that follow a country or a question ------------------------

    const scaled = (value, unit) => (value === null ? null : value / unit);

    function cell(data, side, question, country) {
        const index = question * countryCount + country;
        const model = data.mean_scores[index];
        const people = side.mean_scores[index];
        if (model === null || people === null) return null;
        const [question_id, short_label, , category_id, category_name] = frame.questions[question];
        const [country_id, country_name] = frame.countries[country];
        const choices = side.choices[question];
        return {
            country_id, country_name, question_id, short_label, category_id, category_name,
            first_choice: choices[0],
            last_choice: choices[choices.length - 1],
            llm_mean_score: scaled(model, frame.units.mean_score),
            human_mean_score: scaled(people, frame.units.mean_score),
            signed_error: scaled(model - people, frame.units.mean_score),
        };
    }

    function cellsOfCountry(data, side, chosen) {
        return frame.questions
            .map((question, index) => [question, index])
            .filter(([question]) => chosen.category === "all" || question[3] === chosen.category)
            .map(([, index]) => cell(data, side, index, chosen.country))
            .filter((row) => row !== null);
    }

    function cellsOfQuestion(data, side, chosen) {
        return frame.countries
            .map((_, index) => cell(data, side, chosen.question, index))
            .filter((row) => row !== null)
            .sort((one, other) => (one.country_name < other.country_name ? -1 : 1));
    }

    function sharesOfCell(data, side, chosen) {
        const choices = side.choices[chosen.question];
        const share = (matrices, choice) => {
            const matrix = matrices[chosen.question];
            if (!matrix) return null;
            return scaled(matrix[chosen.country * choices.length + choice], frame.units.share);
        };
        return choices
            .map((choice_text, choice) => ({
                choice_index: choice + 1,
                choice_text,
                human_share: share(side.shares, choice),
                llm_probability: share(data.probabilities, choice),
            }))
            .filter((row) => row.llm_probability !== null);
    }

    const FOLLOWS = {
        model_id: "design", prompt_id: "design", population_id: "design",
        other_model_id: "design", other_prompt_id: "design",
        country_id: "country", question_id: "question", category_id: "category",
    };

    const followed = (exhibit) =>
        [...new Set(exhibit.parameters.map((name) => FOLLOWS[name]))].sort().join(" ");

    // What the rows say in a line, where that is more than a question.
    async function findingFor(exhibit, chosen, rows) {
        if (rows.length && FINDINGS[exhibit.id]) return FINDINGS[exhibit.id](rows, chosen);
        if (followed(exhibit) !== "design") return exhibit.finding;
        return (await opened(`design-${chosen.design}`)).findings[exhibit.id] ?? null;
    }

    async function rowsFor(exhibit, chosen) {
        const follows = followed(exhibit);
        if (!follows) return rowsOf(exhibit.rows);
        const data = await opened(`design-${chosen.design}`);
        if (follows === "design") return rowsOf(data.rows[exhibit.id]);
        const side = await opened(`side-${data.side}`);
        const country = frame.countries[chosen.country];
        switch (follows) {
            case "country design":
                return country ? rowsOf(data.by_country[exhibit.id][country[0]] ?? {}) : [];
            case "category country design":
                return country ? cellsOfCountry(data, side, chosen) : [];
            case "design question":
                return cellsOfQuestion(data, side, chosen);
            case "country design question":
                return country ? sharesOfCell(data, side, chosen) : [];
            default:
                throw new Error(`${exhibit.id} follows ${follows}, which this page cannot show`);
        }
    }

    // --- Findings about cells --------------------------------------------------------------------

    const twoDecimals = (value) => shown(value, 2);
    const furthest = (rows, column) => rows.reduce(
        (most, row) => (Math.abs(row[column]) > Math.abs(most[column]) ? row : most));
    const ends = (rows, column) => {
        const values = rows.map((row) => row[column]);
        return `${twoDecimals(Math.min(...values))} to ${twoDecimals(Math.max(...values))}`;
    };
    const likeliest = (rows, column) => rows.reduce(
        (most, row) => ((row[column] ?? -1) > (most[column] ?? -1) ? row : most));
    const percent = (share) => `${Math.round(100 * share)}%`;

    const FINDINGS = {
        question_countries: (rows) => (rows.length === 1
            ? `${rows[0].country_name}: people's mean score is ${twoDecimals(rows[0].human_mean_score)}, `
                + `the model's ${twoDecimals(rows[0].llm_mean_score)}`
            : `People's mean scores go from ${ends(rows, "human_mean_score")}, `
                + `the model's from ${ends(rows, "llm_mean_score")}`),
        world_signed_error: (rows) => {
            const most = furthest(rows, "signed_error");
            const off = `${most.country_name} (${twoDecimals(most.signed_error)})`;
            const more = rows.filter((row) => row.signed_error > 0).length;
            return rows.length === 1
                ? `The model leans ${more ? "more" : "less"} to "${most.last_choice}" than people: ${off}`
                : `The model leans more to "${most.last_choice}" than people in `
                    + `${more} of ${rows.length} countries, furthest off in ${off}`;
        },
        country_scatter: (rows) => "On average, people and model are "
            + `${twoDecimals(rows.reduce((sum, row) => sum + Math.abs(row.signed_error), 0) / rows.length)} `
            + `apart over ${rows.length} questions, on a scale of 2`,
        country_gaps: (rows) => `Farthest apart: ${furthest(rows, "signed_error").short_label}, `
            + `people ${twoDecimals(furthest(rows, "signed_error").human_mean_score)}, `
            + `model ${twoDecimals(furthest(rows, "signed_error").llm_mean_score)}`,
        answer_shares: (rows) => {
            const [people, model] = [likeliest(rows, "human_share"), likeliest(rows, "llm_probability")];
            const said = people.human_share === null ? "" : `Most people: ${people.choice_text} (${percent(people.human_share)}). `;
            return `${said}Likeliest for the model: ${model.choice_text} (${percent(model.llm_probability)})`;
        },
    };

    // --- What was chosen, kept in the address so that it can be sent to somebody -----------------

    const selects = Object.fromEntries(["design", "country", "category", "question"].map(
        (name) => [name, document.getElementById(`choose-${name}`)]));

    function option(parent, value, label) {
        const made = document.createElement("option");
        made.value = value;
        made.textContent = label;
        parent.append(made);
    }

    function describedDesign(design) {
        const several = frame.designs.filter((other) => other.model === design.model).length > 1;
        const order = design.order === "averaged" ? "orders averaged" : `${design.order} order only`;
        return several ? `${design.model} · ${design.prompt}, ${order}` : `${design.model} · ${order}`;
    }

    // Two files may have one name and one precision.
    const described = frame.designs.map(describedDesign);

    const designLabel = (index) => {
        const alike = described.filter((other) => other === described[index]).length > 1;
        return alike ? `${described[index]} · ${frame.designs[index].key}` : described[index];
    };

    function fillQuestions(category, wanted) {
        selects.question.replaceChildren();
        let group = null;
        frame.questions.forEach(([question_id, label, , category_id, category_name], index) => {
            if (category !== "all" && category_id !== category) return;
            if (!group || group.label !== category_name) {
                group = document.createElement("optgroup");
                group.label = category_name;
                selects.question.append(group);
            }
            option(group, index, `${question_id} ${label}`);
        });
        selects.question.value = String(wanted);
        if (selects.question.selectedIndex < 0) selects.question.selectedIndex = 0;
    }

    function fillSelects() {
        frame.designs.forEach((_, index) => option(selects.design, index, designLabel(index)));
        frame.countries
            .map(([, name], index) => [name, index])
            .sort(([one], [other]) => one.localeCompare(other, "en"))
            .forEach(([name, index]) => option(selects.country, index, name));
        option(selects.category, "all", "all");
        new Map(frame.questions.map((question) => [question[3], question[4]]))
            .forEach((name, id) => option(selects.category, id, name));
        // Nothing is chosen yet.
        for (const select of Object.values(selects)) select.selectedIndex = -1;
    }

    // What the address does not name stays as it is; at first, what there is most to see of.
    function readAddress() {
        const wanted = new URLSearchParams(location.hash.slice(1));
        const found = (name, list, matches, select) => {
            const index = wanted.has(name) ? list.findIndex(matches) : -1;
            return index >= 0 ? index : Number(select.value || frame.first[name] || 0);
        };
        selects.design.value = String(found("design", frame.designs,
            (one) => one.key === wanted.get("design"), selects.design));
        selects.country.value = String(found("country", frame.countries,
            ([id]) => id === wanted.get("country"), selects.country));
        const question = found("question", frame.questions,
            ([id]) => id === wanted.get("question"), selects.question);
        selects.category.value = wanted.get("category") ?? (selects.category.value || "all");
        if (selects.category.selectedIndex < 0) selects.category.value = "all";
        fillQuestions(selects.category.value, question);
    }

    const chosenNow = () => ({
        design: Number(selects.design.value),
        country: Number(selects.country.value),
        question: Number(selects.question.value),
        category: selects.category.value,
    });

    function writeAddress(chosen) {
        const address = new URLSearchParams({
            design: frame.designs[chosen.design].key,
            country: frame.countries[chosen.country]?.[0] ?? "",
            category: chosen.category,
            question: frame.questions[chosen.question]?.[0] ?? "",
        });
        history.replaceState(null, "", `#${address}`);
    }

    function valuesOf(chosen) {
        return {
            ...frame.designs[chosen.design].parameters,
            country_id: frame.countries[chosen.country]?.[0] ?? null,
            question_id: frame.questions[chosen.question]?.[0] ?? null,
            category_id: chosen.category,
        };
    }

    // --- Showing -------------------------------------------------------------------------------

    const isNumber = (value) => typeof value === "number";

    const minus = (text) => text.replace("-", "\u2212");

    function shown(value, digits) {
        if (value === null || value === undefined) return "";
        if (typeof value === "boolean") return value ? "yes" : "no";
        if (!isNumber(value)) return String(value);
        if (Number.isInteger(value) && digits === 0) return minus(String(value));
        const written = value.toFixed(digits).replace(/^(-?)0(?=\.)/, "$1");
        if (/[1-9]/.test(written)) return minus(written);
        if (digits <= 2) return written.replace("-", "");
        return value > 0 ? `<.${"0".repeat(digits - 1)}1` : "0";
    }

    const inWords = (code) => frame.words[code] ?? code.replaceAll("_", " ");

    function intervalOf(column, row, digits = column.digits) {
        const [low, high] = [row[column.low], row[column.high]];
        if (low === null || low === undefined || high === null || high === undefined) return "";
        return `[${shown(low, digits)}, ${shown(high, digits)}]`;
    }

    function textOf(column, row, digits) {
        const value = row[column.name];
        if (column.is_code && value) return inWords(value);
        return `${shown(value, digits)} ${intervalOf(column, row, digits)}`.trim();
    }

    function element(name, text, className = "") {
        const made = document.createElement(name);
        made.textContent = text;
        made.className = className;
        return made;
    }

    function tableOf(exhibit, rows) {
        const known = (name) => rows.map((row) => row[name]).filter((value) => value !== null && value !== undefined);
        const present = exhibit.columns.filter(({ name }) => known(name).length);
        const table = document.createElement("table");
        table.append(element("caption", exhibit.title, "hidden-caption"));
        const head = table.createTHead().insertRow();
        const numeric = present.map(({ name }) => known(name).every(isNumber));
        const whole = present.map(({ name, low, high }) => [name, low, high]
            .every((one) => !one || known(one).every(Number.isInteger)));
        present.forEach((column, index) => {
            const cellOfHead = element("th", column.heading, numeric[index] ? "number" : "");
            cellOfHead.scope = "col";
            head.append(cellOfHead);
        });
        const body = table.createTBody();
        for (const row of rows) {
            const line = body.insertRow();
            present.forEach((column, index) => {
                const digits = whole[index] ? 0 : column.digits;
                line.append(element("td", textOf(column, row, digits), numeric[index] ? "number" : "text"));
            });
        }
        return table;
    }

    // One row reads better as cards, and what is beside them as a list.
    function cardsOf(exhibit, row) {
        const isKnown = ({ name }) => row[name] !== null && row[name] !== undefined;
        const cards = document.createElement("dl");
        cards.className = "cards";
        for (const column of exhibit.columns.slice(0, exhibit.card_count)) {
            if (!isKnown(column)) continue;
            const card = document.createElement("div");
            const value = element("dd", shown(row[column.name], column.digits), "value");
            value.append(" ", element("span", intervalOf(column, row), "interval"));
            card.append(element("dt", column.heading), value);
            if (column.beside && isKnown(column.beside)) {
                card.append(element("dd", `${column.beside.heading}: ${textOf(column.beside, row, column.digits)}`, "note"));
            }
            if (column.note) card.append(element("dd", column.note, "note"));
            cards.append(card);
        }
        const others = document.createElement("dl");
        for (const column of exhibit.columns.slice(exhibit.card_count).filter(isKnown)) {
            const pair = document.createElement("div");
            const digits = Number.isInteger(row[column.name]) ? 0 : column.digits;
            pair.append(element("dt", column.heading), element("dd", textOf(column, row, digits)));
            others.append(pair);
        }
        const both = document.createElement("div");
        both.append(cards, others);
        return both;
    }

    function csvOf(rows) {
        const quoted = (value) => {
            if (value === null || value === undefined) return "";
            const text = String(value);
            return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
        };
        const names = Object.keys(rows[0] ?? {});
        return [names, ...rows.map((row) => names.map((name) => row[name]))]
            .map((line) => line.map(quoted).join(",")).join("\n") + "\n";
    }

    function statementOf(exhibit, values) {
        return exhibit.sql.replace(/\$(\w+)/g, (_, name) =>
            (values[name] === null ? "null" : `'${values[name].replaceAll("'", "''")}'`));
    }

    function save(content, type, name) {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(new Blob([content], { type }));
        link.download = name;
        link.click();
        URL.revokeObjectURL(link.href);
    }

    const parts = new Map([...document.querySelectorAll("[data-exhibit]")].map((article) => {
        const part = {
            article,
            exhibit: exhibits.get(article.dataset.exhibit),
            chart: article.querySelector(".chart"),
            drawing: article.querySelector(".drawing"),
            heading: article.querySelector("h3"),
            empty: article.querySelector(".empty"),
            hint: article.querySelector(".scroll-hint"),
            numbers: article.querySelector("details.numbers"),
            rowsPlace: article.querySelector(".rows"),
            code: article.querySelector("details.query code"),
            rows: [],
            key: null,
            view: null,
        };
        return [article.dataset.exhibit, part];
    }));

    // Tooltips say in words why a number is missing.
    function withReasonsInWords(rows) {
        const reasons = Object.keys(rows[0] ?? {}).filter((name) => name.endsWith("null_reason"));
        const said = (row) => reasons.map((name) => [name, row[name] && inWords(row[name])]);
        return reasons.length ? rows.map((row) => ({ ...row, ...Object.fromEntries(said(row)) })) : rows;
    }

    async function draw(part, given) {
        const rows = withReasonsInWords(given);
        if (part.view) {
            await part.view.data("rows", rows).resize().runAsync();
            return;
        }
        const specification = structuredClone(part.exhibit.specification);
        specification.data.find(({ name }) => name === "rows").values = rows;
        const shapes = specification.data.find(({ name }) => name === "shapes");
        if (shapes) shapes.values = frame.shapes;
        const made = await window.vegaEmbed(part.drawing, specification, {
            mode: "vega",
            logLevel: ONLY_ERRORS,
            renderer: "svg",
            actions: false,
            tooltip: { theme: isDark.matches ? "dark" : "light" },
            loader: { load: () => Promise.reject(new Error("a report loads nothing")) },
        });
        part.view = made.view;
    }

    function fillTable(part) {
        const isOpen = !part.numbers || part.numbers.open;
        if (!isOpen) return;
        const isCards = part.exhibit.card_count && part.rows.length === 1;
        part.rowsPlace.replaceChildren(
            isCards ? cardsOf(part.exhibit, part.rows[0]) : tableOf(part.exhibit, part.rows));
        part.rowsPlace.classList.toggle("as-cards", Boolean(isCards));
        const scrolls = !isCards && part.rowsPlace.scrollWidth > part.rowsPlace.clientWidth
            || !isCards && part.rowsPlace.scrollHeight > part.rowsPlace.clientHeight;
        part.rowsPlace.classList.toggle("scrolls", scrolls);
        part.hint.hidden = !scrolls;
        // Who has no mouse must be able to scroll it.
        part.rowsPlace.tabIndex = scrolls ? 0 : -1;
    }

    const isDrawn = ({ draws }, row) => !draws || (row[draws] !== null && row[draws] !== undefined);

    // One line instead of an empty figure.
    function whyEmpty(exhibit, rows) {
        const reason = rows.map((row) => row.random_null_reason ?? row.demeaned_null_reason ?? row.null_reason)
            .find((code) => code);
        const title = /[?.]$/.test(exhibit.title) ? exhibit.title : `${exhibit.title}.`;
        return `${title} No data: ${reason ? `${inWords(reason)}. This` : "this"} needs ${exhibit.needs}.`;
    }

    async function show(part, chosen) {
        const values = valuesOf(chosen);
        const key = JSON.stringify(part.exhibit.parameters.map((name) => values[name]));
        if (part.key === key) return;
        part.key = key;
        const rows = await rowsFor(part.exhibit, chosen);
        const finding = await findingFor(part.exhibit, chosen, rows);
        if (part.key !== key) return; // Something else was chosen meanwhile.
        part.rows = rows;
        const isEmpty = !rows.some((row) => isDrawn(part.exhibit, row));
        part.article.classList.toggle("without-rows", isEmpty);
        part.empty.hidden = !isEmpty;
        part.empty.textContent = isEmpty ? whyEmpty(part.exhibit, rows) : "";
        part.heading.textContent = finding ?? part.exhibit.title;
        part.code.textContent = statementOf(part.exhibit, values);
        fillTable(part);
        if (part.chart && !isEmpty) await draw(part, rows);
    }

    function tellWhatIsShown(chosen) {
        for (const line of document.querySelectorAll(".findings [data-design]")) {
            line.classList.toggle("chosen", line.dataset.design === frame.designs[chosen.design].key);
        }
        const country = frame.countries[chosen.country];
        const question = frame.questions[chosen.question];
        const category = chosen.category === "all" ? "all categories" : selects.category.selectedOptions[0].textContent;
        for (const line of document.querySelectorAll(".showing")) {
            const inside = [...line.parentElement.querySelectorAll("[data-exhibit]")]
                .flatMap((article) => followed(exhibits.get(article.dataset.exhibit)).split(" "));
            const parts = [];
            if (inside.includes("design")) parts.push(designLabel(chosen.design));
            if (inside.includes("country") && country) parts.push(country[1]);
            if (inside.includes("category")) parts.push(category);
            if (inside.includes("question") && question) parts.push(`${question[0]}: ${question[2]}`);
            line.textContent = parts.join(" · ");
            line.hidden = !parts.length;
        }
    }

    function showProblem(error) {
        const problem = document.getElementById("problem");
        problem.textContent = `This page could not be drawn whole: ${error.message}`;
        problem.hidden = false;
        console.error(error);
    }

    // --- In the order in which they are looked at ------------------------------------------------

    const seen = new Set();
    let current = null;

    const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 1));

    async function showAll(names) {
        try {
            await Promise.all(names.map((name) => show(parts.get(name), current)));
        } catch (error) {
            showProblem(error);
        }
    }

    function showTheOthers() {
        const next = [...parts.keys()].find((name) => !seen.has(name));
        if (next === undefined) {
            document.documentElement.dataset.drawn = "all";
            document.documentElement.dataset.settled = location.hash;
            return;
        }
        seen.add(next);
        showAll([next]).then(() => idle(showTheOthers));
    }

    async function choose() {
        current = chosenNow();
        writeAddress(current);
        tellWhatIsShown(current);
        // What is looked at first; the rest when there is time.
        const [near, far] = [[], []];
        for (const name of seen) {
            const box = parts.get(name).article.getBoundingClientRect();
            (box.bottom > 0 && box.top < innerHeight ? near : far).push(name);
        }
        await showAll(near);
        document.documentElement.dataset.shown = location.hash;
        const address = location.hash;
        idle(() => showAll(far).then(() => {
            if (location.hash === address) document.documentElement.dataset.settled = address;
        }));
    }

    fillSelects();
    readAddress();
    if (!frame.designs.length) return;
    current = chosenNow();
    writeAddress(current);
    tellWhatIsShown(current);

    selects.category.addEventListener("change", () => fillQuestions(selects.category.value, selects.question.value));
    for (const select of Object.values(selects)) select.addEventListener("change", choose);
    window.addEventListener("hashchange", () => {
        // The address of a part of the page chooses nothing.
        if (!location.hash.includes("=")) return;
        readAddress();
        choose();
    });

    // Paper cannot be unfolded.
    window.addEventListener("beforeprint", () => { document.getElementById("about").open = true; });

    for (const part of parts.values()) {
        part.numbers?.addEventListener("toggle", () => fillTable(part));
        part.article.querySelector(".copy").addEventListener("click", async (event) => {
            const text = part.code.textContent;
            try {
                await navigator.clipboard.writeText(text);
                event.target.textContent = "Copied";
            } catch {
                getSelection().selectAllChildren(part.code);
                event.target.textContent = "Selected: copy it with your keyboard";
            }
        });
        part.article.querySelector(".save").addEventListener("click", () => {
            save(csvOf(part.rows), "text/csv", `${part.exhibit.id}.csv`);
        });
        part.article.querySelector(".picture")?.addEventListener("click", async () => {
            const drawn = (await part.view.toSVG()).replaceAll("currentColor", "black");
            save(drawn, "image/svg+xml", `${part.exhibit.id}.svg`);
        });
    }

    const first = [...parts.keys()][0];
    seen.add(first);
    await showAll([first]);
    document.documentElement.dataset.drawn = "first";

    idle(showTheOthers);
})().catch((error) => {
    const problem = document.getElementById("problem");
    problem.textContent = "DecompressionStream" in window
        ? `This page could not be drawn: ${error.message}`
        : "This browser is too old for the page: it needs Chrome or Edge 80, Firefox 113, Safari 16.4 or newer.";
    problem.hidden = false;
    console.error(error);
});
