// st.switch_page clears the query of the page that is left, as an entry of its own, before it goes to the next one: Back
// would come to a page that no longer knows its run. Such an entry, a new query that no visitor's hand was in since, is
// replaced by the next page.
class Way {
  constructor() {
    this.passing = false; // whether the entry shown is one that only passes
    const push = history.pushState.bind(history);
    history.pushState = (state, title, url) => {
      const same = new URL(url ?? location.href, location.href).pathname === location.pathname;
      if (this.passing && !same) history.replaceState(state, title, url);
      else push(state, title, url);
      this.passing = same;
    };
    for (const name of ["pointerdown", "keydown", "popstate"]) addEventListener(name, () => { this.passing = false; }, true);
  }
}

export default function () {
  globalThis[Symbol.for("npf.history")] ??= new Way(); // once a window, whatever page comes and goes
}
