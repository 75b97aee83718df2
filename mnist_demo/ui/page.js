// Functions that are the `js` of events.

// The page's address names the open tab and the model, so that a link or a reload opens both again. The key of a
// session's own model contains a slash and is secret.
function trackTabs() {
  const tab = new URLSearchParams(location.search).get('tab');
  const button = document.getElementById(`${tab}-tab-button`);
  button?.click();
  document.body.dataset.tab = button ? tab : 'draw';
  document.querySelector('[role=tablist]').addEventListener('click', ({ target }) => {
    const link = new URLSearchParams(location.search);
    const name = target.closest('[role=tab]')?.id.replace('-tab-button', '');
    if (!name || name === link.get('tab')) return;
    document.body.dataset.tab = name;
    for (const other of [...link.keys()].filter((key) => key !== 'model' || name === 'browse')) link.delete(other);
    link.set('tab', name); // Browse writes its whole query, with the model
    history.replaceState(history.state, '', `?${link}`);
    setTimeout(() => document.dispatchEvent(new Event('tab'))); // after Gradio has shown the tab
  });
  return [];
}

// Select the address's model if it is one of `names`, the shared models.
function readModel(selected, names) {
  const model = new URLSearchParams(location.search).get('model');
  document.body.dataset.model = names.includes(model) ? model : selected;
  return [document.body.dataset.model];
}

function shareModel(key, defaultKey) {
  const address = new URL(location.href);
  if (key === defaultKey || key.includes('/')) address.searchParams.delete('model');
  else address.searchParams.set('model', key);
  history.replaceState(history.state, '', address);
  document.body.dataset.model = key; // also for a tab that Gradio has yet to create
  document.dispatchEvent(new CustomEvent('model', { detail: key }));
  return [key];
}

function showPhoto() {
  document.getElementById('draw-row').classList.add('with-photo');
  return Array(2).fill({ __type__: 'update', visible: true }); // Gradio creates the parts that show it
}

function showPad() { // instead of the photo
  document.getElementById('draw-row').classList.remove('with-photo');
  return [];
}

function refreshDigits() {
  document.dispatchEvent(new Event('browse'));
  return [];
}

// Let Gradio upload photos whose name does not say that they are images.
function allowAnyPhotoName() {
  const asImage = (file) => file.type.startsWith('image/') ? file : new File([file], file.name, { type: 'image/any' });
  const asImages = (files) => {
    const list = new DataTransfer();
    for (const file of files) list.items.add(asImage(file));
    return list.files;
  };
  document.addEventListener('change', ({ target }) => {
    if (target.matches('.photo-file input[type=file]')) target.files = asImages(target.files);
  }, true);
  document.addEventListener('drop', (event) => {
    const input = event.target.closest('.photo-file')?.querySelector('input[type=file]');
    const files = asImages(event.dataTransfer.files);
    if (!input || [...files].every((file) => file.type !== 'image/any')) return;
    event.preventDefault();
    event.stopPropagation();
    event.target.dispatchEvent(new DragEvent('dragleave', { bubbles: true }));
    input.files = files;
    input.dispatchEvent(new Event('change'));
  }, true);
  return [];
}
