// The inference engine in a web worker; in the page where there are no workers.
function createEngine(script) {
  const waiting = new Map(); // messages that the worker has yet to answer, by id
  let lastId = 0;
  let respond = null; // in place of the worker

  function settle({ id, result, error }) {
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error === undefined) resolve?.(result);
    else reject?.(new Error(error));
  }

  function runInPage() {
    respond ??= new Function(`${script}\nreturn respond;`)();
    for (const [id, { message }] of waiting) {
      try {
        settle({ id, result: respond(message) });
      } catch (error) {
        settle({ id, error: error.message });
      }
    }
  }

  let worker = null;
  try {
    worker = new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })));
    worker.onmessage = ({ data }) => settle(data);
    worker.onerror = () => { // such as a policy that forbids it
      worker = null;
      runInPage();
    };
  } catch {
    // no workers here
  }

  function send(message) {
    const id = ++lastId;
    return new Promise((resolve, reject) => {
      waiting.set(id, { message, resolve, reject });
      if (worker) worker.postMessage({ id, ...message });
      else runInPage();
    });
  }

  return { load: (key, weights) => send({ key, weights }), predict: (key, strokes, withMaps = false) => send({ key, strokes, withMaps }) };
}
