// Scrolls the page to what a step of the tour speaks of, once a step, below the step's card. Pages fill in from above
// while they load: it follows until the place has been still for a moment, or until the visitor scrolls by himself.
const PATIENCE = 20000; // milliseconds
const EVERY = 150;
const STILL = 8; // looks at the same place

export default function tour({ data }) {
  if (window.npfTour?.turn === data.turn) return;
  const own = { turn: data.turn };
  window.npfTour = own;
  const begun = performance.now();
  let theirs = false;
  let still = 0;
  let before = null;
  const stop = () => {
    theirs = true;
  };
  const moves = ["wheel", "touchmove", "mousedown", "keydown"];
  moves.forEach((name) => window.addEventListener(name, stop, { passive: true }));

  const end = () => moves.forEach((name) => window.removeEventListener(name, stop));
  const seen = (element) => element.getClientRects().length > 0 && element.getBoundingClientRect().height > 8;

  const look = () => {
    if (theirs || window.npfTour !== own || performance.now() - begun > PATIENCE) return end();
    const target = [...document.querySelectorAll(data.at)].find(seen);
    const card = document.querySelector(".st-key-tour");
    const main = document.querySelector("[data-testid=stMain]");
    if (target && card && main) {
      const room = { top: card.getBoundingClientRect().bottom + 14, bottom: window.innerHeight - 8 };
      const box = target.getBoundingClientRect();
      const whole = box.top >= room.top && box.bottom <= room.bottom;
      // What has room is put into the middle of it; of what has none the beginning is shown.
      const spare = Math.max(0, room.bottom - room.top - box.height);
      if (!whole) main.scrollTop += box.top - room.top - spare / 2;
      const now = Math.round(target.getBoundingClientRect().top);
      still = now === before ? still + 1 : 0;
      before = now;
      if (still >= STILL) return end();
    }
    setTimeout(look, EVERY);
  };
  look();
}
