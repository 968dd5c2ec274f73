// Streamlit calls this for every new message: bytes are points, anything else says what a view of points shows.
const views = new WeakMap();

export default function linked({ data, parentElement, setStateValue }) {
  if (data instanceof Uint8Array) {
    shelve(data);
    return () => {};
  }
  let view = views.get(parentElement);
  if (!view) views.set(parentElement, (view = new LinkedView(parentElement)));
  view.update(data, (text) => setStateValue("selection", text));
  return () => {
    view.end();
    views.delete(parentElement);
  };
}
