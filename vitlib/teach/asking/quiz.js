// Questions with choices. Whatever is chosen says at once whether it is
// right, why, and which section shows it; every choice may be tried.

import { figure, hint, html, listen, speaker } from "../alive/web/kit.js";

const MARKS = { right: "\u2713", wrong: "\u2717", open: "\u25cb" };
const VERDICTS = { right: "Right.", wrong: "Not so." };

/** What stands between backticks becomes code. */
function written(text) {
  return text.split("`").map((part, i) =>
    i % 2 ? html("code", {}, part) : part);
}

/** In a notebook: go to the heading, where the notebook has it at hand. */
function goTo(heading) {
  return (event) => {
    const found = [...document.querySelectorAll("h2, h3")].find(
      (title) => title.textContent.startsWith(heading));
    if (!found) return;
    event.preventDefault();
    found.scrollIntoView();
  };
}

/** The section that shows it: a link where it can be reached from here. */
function section({ page, heading, anchor, chapter }, links) {
  const before = chapter ? `See ${chapter}, ` : "See ";
  if (links) {
    const href = `${page ? `${page}.html` : ""}#${anchor}`;
    return [before, html("a", { href }, heading), "."];
  }
  if (page) return [`${before}\u201c${heading}\u201d.`];
  const href = `#${heading.replaceAll(" ", "-")}`;
  const link = html("a", { href, onclick: goTo(heading) }, heading);
  return [before, link, "."];
}

function choiceOf(choice, links, choose) {
  const kind = choice.right ? "right" : "wrong";
  const mark = html("span", { class: "vit-quiz-mark", "aria-hidden": "true" },
    MARKS.open);
  const button = html("button", {
    type: "button", class: "vit-quiz-choice", onclick: choose,
    "aria-pressed": "false",
  }, mark, html("span", {}, ...written(choice.text)));
  const why = html("p", { class: "vit-quiz-why", hidden: true },
    html("b", {}, VERDICTS[kind]), " ", ...written(choice.because), " ",
    ...section(choice, links));
  const row = html("li", {}, button, why);
  row.show = (chosen) => {
    if (chosen) {
      row.className = `vit-quiz-${kind}`;
      mark.textContent = MARKS[kind];
    }
    button.setAttribute("aria-pressed", String(chosen));
    why.hidden = !chosen;
    return chosen ? why.textContent : "";
  };
  return row;
}

function questionOf(question, number, count, links, choose) {
  const rows = question.choices.map((choice, i) =>
    choiceOf(choice, links, () => choose(i)));
  const title = html("legend", {},
    ...(count > 1 ? [html("b", {}, `${number}.`), " "] : []),
    ...written(question.text));
  const whole = html("fieldset", { class: "vit-quiz-question" }, title,
    html("ul", {}, ...rows));
  whole.show = (chosen) =>
    rows.map((row, i) => row.show(i === chosen)).join("");
  return whole;
}

export const render = figure(
  "quiz", "Questions", ({ model, root, links, onEnd }) => {
    const spoken = speaker();
    const questions = model.get("questions");
    if (questions.length === 1) { // a page may have more of these
      const text = questions[0].text.replaceAll("`", "");
      root.setAttribute("aria-label", `Question: ${text}`);
    }
    const blocks = questions.map((question, at) =>
      questionOf(question, at + 1, questions.length, links, (choice) => {
        const chosen = [...model.get("chosen")];
        chosen[at] = choice;
        model.set("chosen", chosen);
        model.save_changes();
        spoken.say(blocks[at].show(choice));
      }));
    const draw = () => model.get("chosen").forEach(
      (choice, at) => blocks[at].show(choice));
    if (questions.length > 1) {
      root.append(hint(
        "Choose an answer. It says at once why it is right, or not."));
    }
    root.append(...blocks, spoken);
    listen(model, "chosen", draw, onEnd);
    draw();
  });
