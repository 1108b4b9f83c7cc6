"use strict";
(() => {
  const data = JSON.parse(document.getElementById("sample-data").textContent);
  const form = document.getElementById("filters");
  const list = document.getElementById("responses");
  const found = document.getElementById("found");
  const previous = document.getElementById("previous");
  const next = document.getElementById("next");
  const pageSize = 20;
  let page = 0;

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  const fill = (name, values) => {
    const select = form.elements[name];
    select.append(new Option("all", ""));
    for (const value of values) select.append(new Option(value, value));
  };
  const seeds = [...new Set(data.responses.map((response) => response.seed))].sort((a, b) => a - b);
  fill("benchmark", data.benchmarks);
  fill("method", data.methods);
  fill("outcome", data.outcomes);
  fill("seed", seeds);

  const chosen = () => {
    const wanted = (name) => form.elements[name].value;
    const text = wanted("text").toLowerCase();
    return data.responses.filter((response) => {
      const problem = data.problems[response.problem];
      const holds = (value) => value.toLowerCase().includes(text);
      return (!wanted("benchmark") || problem.benchmark === wanted("benchmark"))
        && (!wanted("method") || response.method === wanted("method"))
        && (!wanted("outcome") || response.outcome === wanted("outcome"))
        && (!wanted("seed") || String(response.seed) === wanted("seed"))
        && (!text || holds(problem.prompt) || holds(problem.id) || holds(response.response));
    });
  };

  const stored = () => {
    const wanted = (name) => form.elements[name].value;
    if (wanted("seed") || wanted("text")) return null;
    return data.counts
      .filter((count) => ["benchmark", "method", "outcome"]
        .every((name) => !wanted(name) || count[name] === wanted(name)))
      .reduce((sum, count) => sum + count.total, 0);
  };

  const responseElement = (response) => {
    const box = element("div", undefined, "response");
    const line = element("p");
    line.append(element("b", response.outcome), ` · ${response.method}, seed ${response.seed}, `
      + `sample ${response.sample} · ${response.tokens} tokens`
      + (response.finish === "length" ? ", length-limited" : "")
      + (response.extracted === null ? "" : ` · read as ${response.extracted}`)
      + (response.rule ? ` · decided by: ${response.rule}` : "")
      + (response.cut ? ` · ${response.cut} characters not shown` : ""));
    box.append(line, element("pre", response.response));
    return box;
  };

  const problemElement = (problem) => {
    const card = element("article", undefined, "problem");
    card.append(element("h3", `${problem.benchmark}: ${problem.id}`), element("pre", problem.prompt),
      element("p", `Gold answer: ${problem.answer.join(" or ")}`));
    return card;
  };

  const draw = () => {
    // The sort is stable: responses to one problem keep the order of the files.
    const responses = chosen().sort((a, b) => a.problem - b.problem);
    const pages = Math.max(1, Math.ceil(responses.length / pageSize));
    page = Math.min(page, pages - 1);
    const total = stored();
    const problems = new Set(responses.map((response) => response.problem)).size;
    found.textContent = `${responses.length} responses to ${problems} problems`
      + (total === null ? "" : `, of ${total} stored`);
    const cards = new Map();
    for (const response of responses.slice(page * pageSize, (page + 1) * pageSize)) {
      if (!cards.has(response.problem)) {
        cards.set(response.problem, problemElement(data.problems[response.problem]));
      }
      cards.get(response.problem).append(responseElement(response));
    }
    list.replaceChildren(...cards.values());
    document.getElementById("page").textContent = `Page ${page + 1} of ${pages}`;
    previous.disabled = page === 0;
    next.disabled = page + 1 >= pages;
  };

  form.addEventListener("input", () => { page = 0; draw(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { page = 0; draw(); }));
  const turn = (by) => { page += by; draw(); found.scrollIntoView({ block: "nearest" }); };
  previous.addEventListener("click", () => turn(-1));
  next.addEventListener("click", () => turn(1));
  draw();
})();
