import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Both libraries may be installed side by side; each has a launcher of its own. */
export const launchers = { openmpi: 'mpirun.openmpi', mpich: 'mpirun.mpich' } as const;
export type MpiLauncher = keyof typeof launchers;

/** What a network between hosts is made to be like. Unset: as fast as this machine. */
export interface CableShape {
  /** Bits per second in each direction. */
  readonly bitsPerSecond?: number | undefined;
  /** Milliseconds that a packet takes; needs netem in the kernel. */
  readonly milliseconds?: number | undefined;
}

/** Why hosts cannot be had. */
export class NoHosts extends Error {
  override readonly name = 'NoHosts';
}

const prefix = 'decade-host';
/** What both ends of the cable are called. */
const cable = 'wire';

/**
 * Two hosts on this machine: network namespaces (ip-netns(8)) joined by a cable. Processes of one reach the other only through it. They
 * are removed, with all that runs in them, by `remove` or when this process ends.
 */
export class Hosts {
  readonly addresses = ['10.99.0.1', '10.99.0.2'] as const;
  readonly #names: readonly [string, string];
  readonly #folder: string;
  readonly #remove = () => this.remove();

  /** Why there can be none, or undefined. */
  static whyNot(): string | undefined {
    if (process.platform !== 'linux') return 'hosts are network namespaces of Linux';
    if (process.getuid?.() !== 0) return 'only root may make network namespaces';
    return spawnSync('ip', ['-V']).error === undefined ? undefined : 'ip (iproute2) is not installed';
  }

  /** @throws NoHosts */
  constructor() {
    const reason = Hosts.whyNot();
    if (reason !== undefined) throw new NoHosts(reason);
    removeForgotten();
    this.#names = [`${prefix}-${process.pid}-1`, `${prefix}-${process.pid}-2`];
    this.#folder = mkdtempSync(join(tmpdir(), 'decade-hosts-'));
    process.once('exit', this.#remove);
    try {
      const [one, two] = this.#names;
      for (const name of this.#names) ip('netns', 'add', name);
      ip('link', 'add', cable, 'netns', one, 'type', 'veth', 'peer', 'name', cable, 'netns', two);
      for (const [index, name] of this.#names.entries()) {
        ip('-n', name, 'address', 'add', `${this.addresses[index]}/24`, 'dev', cable);
        for (const device of ['lo', cable]) ip('-n', name, 'link', 'set', device, 'up');
      }
      this.#awaitCable();
      // Launchers call it as ssh: options, host, command.
      const agent = `#!/bin/sh
while [ "\${1#-}" != "$1" ]; do shift; done
case $1 in ${this.addresses.map((address, index) => `${address}) name=${this.#names[index]};;`).join(' ')} esac
shift
exec ip netns exec "$name" unshare --uts sh -c "echo $name > /proc/sys/kernel/hostname; $*"
`;
      writeFileSync(join(this.#folder, 'agent'), agent, { mode: 0o755 });
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** A command that runs another on the first host. */
  onFirst(command: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.#names[0], ...command];
  }

  onSecond(command: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.#names[1], ...command];
  }

  /** A command that runs another as two ranks, one on each host, which talk through nothing but the cable. */
  onBoth(launcher: MpiLauncher, command: readonly string[]): string[] {
    const agent = join(this.#folder, 'agent');
    const hosts = this.addresses.join(',');
    const environment = ['env', 'OMPI_ALLOW_RUN_AS_ROOT=1', 'OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1'];
    if (launcher === 'openmpi') {
      const of = (key: string, value: string) => ['--mca', key, value];
      const tcp = [...of('pml', 'ob1'), ...of('btl', 'tcp,self'), ...of('btl_tcp_if_include', cable), ...of('oob_tcp_if_include', cable)];
      // What mpirun needs to find out by itself that the cable is cut.
      const alive = [...of('oob_tcp_keepalive_time', '1'), ...of('oob_tcp_keepalive_intvl', '1'), ...of('oob_tcp_keepalive_probes', '2')];
      const how = ['--bind-to', 'none', ...of('plm_rsh_agent', agent), ...tcp, ...alive];
      return this.onFirst([...environment, launchers.openmpi, ...how, '--host', hosts, '-n', '2', ...command]);
    }
    const tcp = ['UCX_TLS=tcp', `UCX_NET_DEVICES=${cable}`, 'FI_PROVIDER=tcp', `FI_TCP_IFACE=${cable}`, 'MPIR_CVAR_NOLOCAL=1'];
    const how = ['-launcher', 'ssh', '-launcher-exec', agent, '-iface', cable, '-hosts', hosts];
    return this.onFirst([...environment, ...tcp, launchers.mpich, ...how, '-n', '2', ...command]);
  }

  /**
   * Makes the cable slower in both directions (tc-tbf(8), tc-netem(8)); without arguments as it was.
   *
   * @param told  hears what this kernel cannot do
   * @throws NoHosts
   */
  shape({ bitsPerSecond, milliseconds }: CableShape = {}, told: (message: string) => void = () => undefined): void {
    for (const name of this.#names) {
      const queue = (verb: string, ...words: string[]) => ['netns', 'exec', name, 'tc', 'qdisc', verb, 'dev', cable, ...words];
      spawnSync('ip', queue('del', 'root'));
      const netem = ['root', 'handle', '1:', 'netem', 'delay', `${milliseconds}ms`, 'limit', '100000'];
      const delays = milliseconds !== undefined && spawnSync('ip', queue('add', ...netem)).status === 0;
      if (milliseconds !== undefined && !delays && name === this.#names[0])
        told('this kernel has no netem: packets are late only by what waits before them');
      if (bitsPerSecond === undefined) continue;
      // As much at once as a timer of 250 Hz lets through, and no less than the largest packet.
      const burst = Math.max(128 * 1024, Math.ceil(bitsPerSecond / 8 / 250));
      const parent = delays ? ['parent', '1:'] : ['root'];
      ip(...queue('add', ...parent, 'tbf', 'rate', `${Math.round(bitsPerSecond)}bit`, 'burst', String(burst), 'latency', '100ms'));
    }
  }

  /** Pulls the cable out. */
  cut(): void {
    ip('-n', this.#names[1], 'link', 'set', cable, 'down');
  }

  /** Puts it back. */
  mend(): void {
    ip('-n', this.#names[1], 'link', 'set', cable, 'up');
    this.#awaitCable();
  }

  /** Until both ends say that they are joined; a library that looks before finds no network. */
  #awaitCable(): void {
    const joined = (name: string) => /\bLOWER_UP\b.*\bstate UP\b/.test(ip('-n', name, '-oneline', 'link', 'show', cable));
    for (const limit = Date.now() + 5_000; !this.#names.every(joined); ) {
      if (Date.now() > limit) throw new NoHosts('the cable between the hosts does not come up');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }

  /** Bytes that each host has sent through the cable, headers included. */
  sentBytes(): number[] {
    const file = `/sys/class/net/${cable}/statistics/tx_bytes`;
    return this.#names.map((name) => Number(run('ip', 'netns', 'exec', name, 'cat', file)));
  }

  /** Ends everything that runs on the hosts. */
  clear(): void {
    for (const name of this.#names) endAllOf(name);
  }

  remove(): void {
    process.off('exit', this.#remove);
    for (const name of this.#names) removeHost(name);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Hosts of a process that was killed before it could remove them. */
function removeForgotten(): void {
  for (const line of run('ip', 'netns', 'list').split('\n')) {
    const [, name, pid] = /^(decade-host-(\d+)-[12])\b/.exec(line) ?? [];
    if (name !== undefined && pid !== undefined && !isAlive(Number(pid))) removeHost(name);
  }
}

function removeHost(name: string): void {
  endAllOf(name);
  spawnSync('ip', ['netns', 'del', name]);
}

function endAllOf(name: string): void {
  const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' });
  for (const pid of (stdout ?? '').split('\n').filter((line) => line !== '')) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`).length > 0;
  } catch {
    return false;
  }
}

function ip(...words: string[]): string {
  return run('ip', ...words);
}

function run(command: string, ...words: string[]): string {
  const { error, status, stdout, stderr } = spawnSync(command, words, { encoding: 'utf8' });
  if (error !== undefined || status !== 0) throw new NoHosts(`${[command, ...words].join(' ')}: ${error?.message ?? stderr.trim()}`);
  return stdout;
}

/** Runs a command to its end; what it wrote to both streams. After so many seconds it is killed; if this process ends, it is ended. */
export function outputOf(
  [program = '', ...words]: readonly string[],
  { environment = {}, seconds }: { readonly environment?: NodeJS.ProcessEnv; readonly seconds: number },
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(program, words, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  const late = setTimeout(() => child.kill('SIGKILL'), 1_000 * seconds);
  const end = () => child.kill('SIGTERM');
  process.once('exit', end);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    // What it has started may keep its streams open.
    child.on('exit', (code) => {
      clearTimeout(late);
      process.off('exit', end);
      setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
        resolve({ code, output });
      }, 100);
    });
  });
}
