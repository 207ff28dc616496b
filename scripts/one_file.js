// Make one document of the book's pages, in the page that is open: what is
// printed then has one outline, and its links lead within it.

const POINTERS = new Set(["aria-labelledby", "aria-describedby", "for"]);
const FOR_THE_SCREEN =
  "script, noscript, a.headerlink, .vit-solution, .vit-start";
const COLOURED = /^(c|k|m|s|nf|nc|fm|nd|bp|ow)/;

const make = (tag, attributes, ...inside) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    element.setAttribute(name, value);
  element.append(...inside);
  return element;
};

// Half of the file would say to a screen reader where each word of code
// begins and ends: only words that have a colour keep their element.
const plain = (article) => {
  const words = ".highlight span, code > span.pre";
  for (const word of article.querySelectorAll(words))
    if (!COLOURED.test(word.className)) word.replaceWith(...word.childNodes);
  article.normalize();
};

// An id is of one page: in the whole it begins with that page's name. The
// glyphs of formulas are the same on all.
const own = (page, id) => (id.startsWith("MJX-") ? id : `${page}--${id}`);

const rename = (article, page) => {
  for (const element of article.querySelectorAll("*")) {
    if (element.id) element.id = own(page, element.id);
    for (const { name, value } of element.attributes) {
      if (POINTERS.has(name))
        element.setAttribute(name, own(page, value));
      else if (value.includes("url(#"))
        element.setAttribute(name, value.replaceAll(
          /url\(#([^)"']+)/g, (_, id) => `url(#${own(page, id)}`));
      else if (name.endsWith("href") && element.localName === "use")
        element.setAttribute(name, `#${own(page, value.slice(1))}`);
    }
  }
};

// A page of the book is a chapter of the file. What is not in the file is
// no link there.
const lead = (article, page, pages) => {
  const names = new Set(pages.map(({ name }) => name));
  for (const link of article.querySelectorAll("a[href]")) {
    const address = link.getAttribute("href");
    const [file, anchor] = address.split("#");
    const name = file ? file.replace(/\.html$/, "") : page;
    if (/^[a-z]+:/.test(address)) continue;
    if (!names.has(name)) link.removeAttribute("href");
    else if (anchor) link.href = `#${own(name, decodeURIComponent(anchor))}`;
    else link.href = `#${name}`;
  }
};

// The name in the table of contents is the chapter's heading here, and so
// its bookmark; what the page calls itself stands below.
const entitle = (article, title) => {
  const heading = article.querySelector("h1");
  if (heading.textContent.trim() === title) return;
  heading.before(make("h1", { class: "vit-name" }, title));
  heading.replaceWith(
    make("p", { class: "vit-heading" }, ...heading.childNodes));
};

const chapter = (page, other, pages) => {
  const article = other.querySelector("article.bd-article");
  for (const element of article.querySelectorAll(FOR_THE_SCREEN))
    element.remove();
  plain(article);
  lead(article, page.name, pages);
  rename(article, page.name);
  entitle(article, page.title);
  article.id = page.name;
  return article;
};

// All glyphs of all formulas, each once; and how MathJax styles them.
const maths = (others) => {
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const found = others.flatMap((other) =>
    [...other.querySelectorAll("[id^=MJX-]")]);
  drawn.style.display = "none";
  drawn.append(...new Map(found.map((glyph) => [glyph.id, glyph])).values());
  const styles = others.flatMap((other) =>
    [...other.querySelectorAll("head style")].map((s) => s.textContent));
  const looks = new Set(styles.filter((text) => text.includes("mjx-")));
  return [drawn, make("style", {}, [...looks].join("\n"))];
};

const contents = (pages) => {
  const list = make("ul", {});
  for (const { name, part, title } of pages) {
    if (part) list.append(make("li", { class: "vit-part" }, part));
    list.append(make("li", {}, make("a", { href: `#${name}` },
      make("span", {}, title), make("b", {}, "000"))));
  }
  return make("nav", { class: "vit-contents" },
    make("h1", {}, "Contents"), list);
};

// The foot of a page names its chapter.
const foot = ({ name, title }) => `
  #${CSS.escape(name)} { page: p-${name}; }
  @page p-${name} {
    @bottom-left {
      content: ${JSON.stringify(title)};
      font: 9pt sans-serif;
    }
  }`;

// Where a link leads nowhere, the browser would leave it out of the PDF.
const dangling = () =>
  [...document.querySelectorAll('a[href^="#"]')]
    .map((link) => link.getAttribute("href"))
    .filter((href) => !document.getElementById(href.slice(1)));

// Give the links that lead nowhere.
export const oneFile = ({ title, about, pages }) => {
  const { body, documentElement, head } = document;
  const parser = new DOMParser();
  const others = pages.map(({ html }) =>
    parser.parseFromString(html, "text/html"));
  const [glyphs, look] = maths(others);
  const articles = pages.map((page, i) => chapter(page, others[i], pages));
  const logo = document.querySelector("img.logo__image").cloneNode();
  const cover = make("section", { class: "vit-title" }, logo,
    make("p", { class: "vit-heading" }, title), make("p", {}, about));
  const container = make("div", { class: "bd-article-container" },
    cover, contents(pages), ...articles);
  document.title = title;
  documentElement.dataset.theme = "light";
  documentElement.classList.add("vit-one-file");
  head.append(look, make("style", {}, pages.map(foot).join("")));
  body.replaceChildren(glyphs, make("div", { class: "bd-main" },
    make("div", { class: "bd-content" }, container)));
  return dangling();
};

export const number = (numbers) => {
  const places = document.querySelectorAll(".vit-contents b");
  for (const [i, place] of places.entries()) place.textContent = numbers[i];
};
