// The buttons of a plot and of the files below it are one stop of the Tab key; the arrow keys go from one to the next.
const NAME = "Tools of the plot: arrow keys go from one to the next, and on to its files";

class Keyboard {
  constructor(prefixes) {
    this.groups = prefixes.map((prefix) => `[class*="st-key-${prefix}"]`).join();
    this.stops = new WeakMap(); // group -> the button that Tab comes to
    this.hint = document.createElement("div");
    this.hint.setAttribute("aria-hidden", "true");
    // Before the focus moves: plots that were drawn anew have buttons of which nothing is known yet.
    document.addEventListener("keydown", (event) => this.key(event), true);
    document.addEventListener("focusin", (event) => this.came(event.target));
    for (const name of ["focusout", "pointerdown", "scroll"]) document.addEventListener(name, () => this.hint.remove(), true);
  }

  buttons(group) {
    return [...group.querySelectorAll("button, a[href]")].filter((button) => !button.disabled && button.getClientRects().length);
  }

  groupOf(element) {
    let group = element.closest?.(this.groups) ?? null;
    for (let outer = group; outer; outer = outer.parentElement.closest(this.groups)) group = outer;
    return group;
  }

  settle(group) {
    const all = this.buttons(group), known = this.stops.get(group), stop = all.includes(known) ? known : all[0];
    for (const button of all) button.tabIndex = button === stop ? 0 : -1;
    group.querySelector("[role=toolbar]")?.setAttribute("aria-label", NAME);
  }

  key(event) {
    if (event.key === "Tab") {
      for (const group of document.querySelectorAll(this.groups))
        if (this.groupOf(group) === group) this.settle(group);
      return;
    }
    const group = this.groupOf(event.target), all = group ? this.buttons(group) : [], at = all.indexOf(event.target);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    all[(to + all.length) % all.length].focus();
  }

  came(element) {
    const group = this.groupOf(element), all = group ? this.buttons(group) : [];
    if (!all.includes(element)) return;
    this.stops.set(group, element);
    this.settle(group);
    if (all.length > 1 && element.matches(":focus-visible")) this.tell(element, all);
  }

  /** What has the focus, and that the arrow keys lead to the others: below it, above all else. */
  tell(button, all) {
    const style = getComputedStyle(document.querySelector("[data-testid=stApp]") ?? document.body);
    const box = button.getBoundingClientRect(), name = button.getAttribute("aria-label") ?? "";
    this.hint.textContent = `${name ? `${name} · ` : ""}${all.indexOf(button) + 1} of ${all.length}, ← →`;
    this.hint.style.cssText = `position:fixed;z-index:999999;pointer-events:none;padding:2px 8px;border-radius:4px;`
      + `font:13px/1.4 ${style.fontFamily};color:${style.backgroundColor};background:${style.color};white-space:nowrap`;
    document.body.append(this.hint);
    const { width, height } = this.hint.getBoundingClientRect();
    const top = box.bottom + 6 + height > innerHeight ? box.top - 6 - height : box.bottom + 6;
    const left = Math.max(4, Math.min(innerWidth - width - 4, box.right - width));
    Object.assign(this.hint.style, { top: `${top}px`, left: `${left}px` });
  }
}

export default function ({ data }) {
  globalThis[Symbol.for("npf.keyboard")] ??= new Keyboard(data); // once a window, whatever page comes and goes
}
