/*
 * What every page does besides: it has the site kept in this browser, and sees to it that a page that computes is isolated, so that its threads
 * may share memory. The service worker does both (site/service-worker).
 */

const root = new URL('..', import.meta.url);

const keptAlready = 'These pages are kept in this browser, and open without a network, too.';
const fromNextOn =
  'One thread computes here, so that nothing is lost that you have begun; the next page that you open computes on all cores.';
const notIsolated = 'The browser does not isolate them, so one thread computes.';

/** Whether somebody has begun to use the page, and would lose something if it were loaded anew. */
let isInUse = false;
const begin = () => {
  isInUse = true;
};
for (const kind of ['pointerdown', 'keydown', 'input', 'change', 'drop']) addEventListener(kind, begin, { capture: true, passive: true });

visit().catch((error: unknown) => refuse(error instanceof Error ? error.message : String(error)));

async function visit(): Promise<void> {
  if (!isSecureContext) return refuse('browsers keep only what comes from https or from this machine');
  if (!('serviceWorker' in navigator)) return refuse('it has no service workers here, as in some private windows');
  const { serviceWorker } = navigator;
  if (crossOriginIsolated && (await isFromDecade())) {
    // Of a static site that was at this address before.
    const left = await serviceWorker.getRegistration(root);
    left?.active?.postMessage('leave');
    return;
  }
  const registration = await serviceWorker.register(new URL('service-worker.js', root));
  const { active } = await serviceWorker.ready;
  const isControlled = serviceWorker.controller !== null;
  const isAlone = computes() && !crossOriginIsolated;
  if (isAlone && !isControlled && !isInUse && !isReloaded()) return location.reload();
  const failure = await kept(registration.installing ?? registration.waiting ?? active);
  if (failure !== undefined) refuse(failure);
  else say(`${keptAlready}${isAlone ? ` ${isControlled ? notIsolated : fromNextOn}` : ''}`);
}

/** Of the documentation one page is as good as another. */
function computes(): boolean {
  return document.querySelector('#app') !== null;
}

/** `decade serve` isolates its pages itself, and what it translates is of no use without it. */
async function isFromDecade(): Promise<boolean> {
  const response = await fetch(new URL('models/index.json', root)).catch(() => undefined);
  return response?.ok === true && 'served' in ((await response.json()) as object);
}

/** A page that is loaded anew and is still as it was stays so. */
function isReloaded(): boolean {
  return performance
    .getEntriesByType('navigation')
    .some((entry) => entry instanceof PerformanceNavigationTiming && entry.type === 'reload');
}

/** Has the site kept; gives the reason if it is not. */
function kept(worker: ServiceWorker | null): Promise<string | undefined> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }: MessageEvent<string | undefined>) => {
      port1.close();
      resolve(data);
    };
    worker?.postMessage('keep', [port2]);
  });
}

function refuse(reason: string): void {
  const threads = computes() && !crossOriginIsolated ? ' One thread computes.' : '';
  say(`These pages are not kept for a visit without a network: ${reason.replace(/\.$/, '')}.${threads}`);
}

function say(text: string): void {
  const place = document.querySelector('#visit');
  if (place !== null) place.textContent = text;
}
