// A picture with its tools is one stop of the Tab key: the picture itself, or the slider of a film. From there T goes to
// the tools, arrow keys go from tool to tool, and Escape comes back.
const TO_TOOLS = "T: to the tools, arrow keys from tool to tool, Escape: back";
const CONTROLS = "button, select, input, a[href], [tabindex]";

/** ``home()``: what is the stop now; ``words()``: what its own keys do. What is written above it while a keyboard has
 * the focus there says both. Returns a function to be called whenever controls or the stop have changed. */
function oneStop(root, home, words) {
  const says = made("div", { class: "keys", "aria-hidden": "true" });
  const others = () => [...root.querySelectorAll(CONTROLS)].filter((control) => control !== home());
  const tools = () => others().filter((tool) => !tool.disabled && tool.getClientRects().length);
  let last = null; // the tool that was used before
  const settle = () => {
    for (const control of others()) control.tabIndex = -1;
    home().tabIndex = 0;
    home().setAttribute("aria-keyshortcuts", "T");
    if (says.parentNode !== root) root.append(says);
  };
  const here = (event) => event.composedPath()[0];
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const all = tools(), at = all.indexOf(here(event));
    if (here(event) === home()) {
      if (event.key !== "t" && event.key !== "T") return;
      (all.includes(last) ? last : all[0])?.focus();
    } else if (at < 0) return;
    else if (event.key === "Escape") home().focus();
    else {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return; // up and down are a list's own
      all[(at + by + all.length) % all.length].focus();
    }
    event.preventDefault();
    event.stopPropagation();
  }, true);
  root.addEventListener("focusin", (event) => {
    const at = here(event);
    if (at !== home()) last = at;
    const seen = at.matches(":focus-visible");
    root.classList.toggle("by-keys", seen);
    if (!seen) return;
    says.textContent = at === home() ? words() : `${TO_TOOLS}.`;
    requestAnimationFrame(() => { // when what has the focus was brought into sight
      const top = Math.max(4, at.getBoundingClientRect().top - says.offsetHeight - 5);
      says.style.top = `${top - root.getBoundingClientRect().top}px`;
    });
  });
  root.addEventListener("focusout", () => root.classList.remove("by-keys"));
  settle();
  return settle;
}
