// What the page says of a prediction {digit, probabilities, digit_probability, is_digit, is_multiple}.
// Return its label, the note below it, and eleven percentages: of the ten digits and of "not a digit".
function describePrediction(prediction) {
  const { digit, is_digit: isDigit, is_multiple: isMultiple } = prediction;
  if (digit === null) return { label: '?', note: '', percentages: [] };
  const percentages = toPercentages(prediction);
  if (isMultiple) return { label: '?', note: 'I see more than one digit', percentages };
  return { label: `${digit}`, note: isDigit ? `${percentages[digit].toFixed(1)}%` : 'Not a digit?', percentages };
}

// In tenths; their sum is 100: those that lose most by rounding down are rounded up.
function toPercentages({ probabilities, digit_probability: score }) {
  const shares = [...probabilities.map((probability) => 1000 * score * probability), 1000 * (1 - score)];
  const tenths = shares.map(Math.floor);
  const missing = Math.round(1000 - tenths.reduce((sum, tenth) => sum + tenth, 0));
  const order = [...tenths.keys()].sort((a, b) => tenths[a] - shares[a] - (tenths[b] - shares[b]));
  for (const i of order.slice(0, missing)) tenths[i] += 1;
  return tenths.map((tenth) => tenth / 10);
}

// Say how the models {model, prediction} vote, such as "10 models say 7, 1 says 2".
function summarizeVotes(models) {
  const counts = new Map();
  for (const { prediction } of models) {
    const vote = prediction.is_digit ? describePrediction(prediction).label : 'not a digit';
    counts.set(vote, (counts.get(vote) ?? 0) + 1);
  }
  const plural = (count, i) => `${i ? '' : count === 1 ? ' model' : ' models'} ${count === 1 ? 'says' : 'say'}`;
  return [...counts].sort(([, a], [, b]) => b - a).map(([vote, count], i) => `${count}${plural(count, i)} ${vote}`).join(', ');
}

// List the models {model, prediction} and what they say; `getClass` returns the class of a line from its label.
function showModels(list, models, getClass) {
  setChildCount(list, models.length, () => make('li', list)).forEach((line, i) => {
    const { model, prediction } = models[i];
    const { label, note } = describePrediction(prediction);
    const cells = setChildCount(line, 3, () => make('span', line));
    line.className = getClass(label, model);
    [model, label, note].forEach((text, j) => setText(cells[j], text));
  });
}
