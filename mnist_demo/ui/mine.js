// The digits that a visitor labelled: kept in this browser, and nowhere else. Part of every component that needs them;
// an event `mine` on the document tells of a change.
const MINE = 'mnist_demo.digits';

function isDigit({ label, strokes }) {
  const isPoint = (point) => point.length === 2 && point.every(Number.isFinite);
  return Number.isInteger(label) && label >= 0 && label <= 9 && strokes.length > 0 && strokes.every((stroke) => stroke.length && stroke.every(isPoint));
}

function mine() {
  if (!document.mine) {
    document.mine = [];
    try {
      document.mine = (JSON.parse(localStorage.getItem(MINE)) || []).filter(isDigit);
    } catch {
      // None, or somebody else's, or a frame in another site's page that may have no storage.
    }
  }
  return document.mine;
}

addEventListener('storage', ({ key }) => { // another page of this browser has changed them
  if (key !== MINE) return;
  document.mine = undefined;
  document.dispatchEvent(new Event('mine'));
});

// Gives whether the browser will keep them when the page is closed.
function keepMine(digits) {
  document.mine = digits;
  document.dispatchEvent(new Event('mine'));
  try {
    localStorage.setItem(MINE, JSON.stringify(digits));
    return true;
  } catch {
    return false;
  }
}
