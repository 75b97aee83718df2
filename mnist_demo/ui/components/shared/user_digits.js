// The user's labeled digits {label, strokes}, stored only in this browser. The event `user-digits` reports a change.
const USER_DIGITS = ['localStorage', 'mnist_demo.digits'];

function isUserDigit({ label, strokes }) {
  return Number.isInteger(label) && label >= 0 && label <= 9 && strokes.length > 0 && strokes.every(isStroke);
}

function getUserDigits() {
  return (document.userDigits ??= loadList(...USER_DIGITS, isUserDigit));
}

// Return whether they outlast the page.
function setUserDigits(digits) {
  document.userDigits = digits;
  document.dispatchEvent(new Event('user-digits'));
  return storeList(...USER_DIGITS, digits);
}

addEventListener('storage', ({ key }) => { // another page has changed them
  if (key !== USER_DIGITS[1]) return;
  document.userDigits = undefined;
  document.dispatchEvent(new Event('user-digits'));
});
