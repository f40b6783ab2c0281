// Run by node.exe under Wine: calls of the double by koffi, as plainly as can be; prints what they return as one line of JSON.
// Arguments: the object file, and which of the parts below.

import koffi from 'koffi';

const [objectFile, part] = process.argv.slice(2);
const library = koffi.load('ebpfapi.dll');
const call = (name, result, ...args) => library.func(name, result, args);
const open = call('bpf_object__open_file', 'void *', 'str', 'void *');
const load = call('bpf_object__load', 'int', 'void *');
const close = call('bpf_object__close', 'void', 'void *');
const findMap = call('bpf_object__find_map_fd_by_name', 'int', 'void *', 'str');
const findProgram = call('bpf_object__find_program_by_name', 'void *', 'void *', 'str');
const programFd = call('bpf_program__fd', 'int', 'void *');
const create = call('bpf_map_create', 'int', 'int', 'str', 'uint32_t', 'uint32_t', 'uint32_t', 'void *');
const update = call('bpf_map_update_elem', 'int', 'int', 'void *', 'void *', 'uint64_t');
const lookup = call('bpf_map_lookup_elem', 'int', 'int', 'void *', 'void *');
const info = call('bpf_obj_get_info_by_fd', 'int', 'int', 'void *', 'void *');
const closeFd = call('ebpf_close_fd', 'int', 'int');
const pin = call('bpf_obj_pin', 'int', 'int', 'str');
const get = call('bpf_obj_get', 'int', 'str');
const unpin = call('ebpf_object_unpin', 'uint32_t', 'str');
const attach = call('bpf_xdp_attach', 'int', 'int', 'int', 'uint32_t', 'void *');
const query = call('bpf_xdp_query_id', 'int', 'int', 'int', 'void *');
const testRun = call('bpf_prog_test_run_opts', 'int', 'int', 'void *');
const lastError = call('libbpf_get_error', 'long', 'void *');
const nextKey = call('bpf_map_get_next_key', 'int', 'int', 'void *', 'void *');
const remove = call('bpf_map_delete_elem', 'int', 'int', 'void *');
const readBatch = call('bpf_map_lookup_batch', 'int', 'int', 'void *', 'void *', 'void *', 'void *', 'void *', 'void *');
const writeBatch = call('bpf_map_update_batch', 'int', 'int', 'void *', 'void *', 'void *', 'void *');
const deleteBatch = call('bpf_map_delete_batch', 'int', 'int', 'void *', 'void *', 'void *');
const detach = call('bpf_link_detach', 'int', 'int');
const attachProgram = call('bpf_program__attach_xdp', 'void *', 'void *', 'int');
const linkFd = call('bpf_link__fd', 'int', 'void *');
const nextPin = call('ebpf_get_next_pinned_object_path', 'uint32_t', 'str', 'void *', 'size_t', 'void *');
const verify = call(
  ...['ebpf_api_elf_verify_program_from_file', 'uint32_t', 'str', 'str', 'str', 'void *', 'int'],
  ...['_Out_ void **', '_Out_ void **', 'void *'],
);
const ringNew = call('ring_buffer__new', 'void *', 'int', 'void *', 'void *', 'void *');
const ringConsume = call('ring_buffer__consume', 'int', 'void *');
const sampleType = koffi.pointer(koffi.proto('int', ['void *', 'void *', 'size_t']));

const u64 = (number) => Buffer.from(BigUint64Array.of(BigInt(number)).buffer);
const u32 = (number) => Buffer.from(Uint32Array.of(number).buffer);
const said = {};

/** A packet for testRun; keep the buffers until it has run. */
function runOf(packet, device) {
  const [context, options] = [Buffer.alloc(32), Buffer.alloc(80)];
  context.writeUInt32LE(device, 24);
  options.writeBigUInt64LE(80n, 0);
  options.writeBigUInt64LE(koffi.address(packet), 8);
  options.writeUInt32LE(packet.length, 24);
  options.writeBigUInt64LE(koffi.address(context), 32);
  options.writeUInt32LE(32, 48);
  return { packet, context, options };
}

/** Whole content by batches of two: the results of the calls, and all keys. */
function readAll(map) {
  const [keys, values, count, found, results] = [Buffer.alloc(16), Buffer.alloc(16), u32(2), [], []];
  let position = null;
  for (let result = 0; result === 0; ) {
    const next = Buffer.alloc(8);
    count.writeUInt32LE(2);
    result = readBatch(map, position, next, keys, values, count, null);
    results.push(result);
    for (let i = 0; result === 0 && i < count.readUInt32LE(); i++) found.push(Number(keys.readBigUInt64LE(8 * i)));
    position = next;
  }
  return { found, results };
}

if (part === 'fairlead') {
  const object = open(objectFile, null);
  said.loaded = [load(object), lastError(null)];
  const names = call('bpf_map__name', 'str', 'void *');
  const next = call('bpf_object__next_map', 'void *', 'void *', 'void *');
  said.maps = [];
  for (let map = next(object, null); map !== null; map = next(object, map)) said.maps.push(names(map));
  said.attached = attach(1, programFd(findProgram(object, 'fairlead')), 0, null);
  close(object);
} else if (part === 'kinds') {
  const many = Buffer.concat([1, 2, 3, 4, 5].map(u64));
  const done = u32(5);
  const hash = create(1, 'hash', 8, 8, 3, null);
  said.batchUntilFull = [writeBatch(hash, many, many, done, null), done.readUInt32LE()];
  said.batches = readAll(hash);
  said.deleted = [deleteBatch(hash, many, u32(3), null), readAll(hash).results];
  const lru = create(8, 'lru', 8, 8, 3, null);
  said.lru = [writeBatch(lru, many, many, u32(5), null), readAll(lru).found];
  const array = create(2, 'array', 4, 8, 2, null);
  const value = Buffer.alloc(8);
  update(array, u32(1), u64(7), 0);
  said.array = [update(array, u32(2), u64(7), 0), update(array, u32(1), u64(7), 1), lookup(array, u32(2), value)];
  said.arrayDelete = [remove(array, u32(1)), lookup(array, u32(1), value), value.readUInt32LE()];
  said.arrayKeys = [
    nextKey(array, null, value),
    value.readUInt32LE(),
    nextKey(array, u32(0), value),
    value.readUInt32LE(),
    nextKey(array, u32(1), value),
  ];
  const trie = create(9, 'trie', 8, 8, 4, null);
  const prefix = (bits, ...bytes) => Buffer.concat([u32(bits), Buffer.from(bytes)]);
  update(trie, prefix(8, 10, 0, 0, 0), u64(8), 0);
  update(trie, prefix(16, 10, 1, 0, 0), u64(16), 0);
  said.trie = [lookup(trie, prefix(32, 10, 1, 2, 3), value), value.readUInt32LE(), lookup(trie, prefix(32, 11, 1, 2, 3), value)];

  const object = open(objectFile, null);
  said.loaded = [load(object), lastError(null)];
  call('bpf_program__set_autoload', 'int', 'void *', 'bool')(findProgram(object, 'probe_refused'), false);
  said.loaded.push(load(object));
  const outer = findMap(object, 'probe_outer');
  const [fit, small] = [create(2, 'fit', 4, 8, 100, null), create(2, 'small', 4, 8, 50, null)];
  said.inner = [update(outer, u32(3), u32(fit), 0), update(outer, u32(3), u32(small), 0), lookup(outer, u32(3), value)];
  said.innerLives = [closeFd(fit), call('bpf_map_get_fd_by_id', 'int', 'uint32_t')(value.readUInt32LE()) > 0];

  const records = [];
  const ring = ringNew(
    findMap(object, 'probe_ring'),
    koffi.register((_context, _data, size) => records.push(Number(size)) - 2, sampleType),
    null,
    null,
  );
  const run = runOf(Buffer.alloc(60, 1), 1);
  const record = programFd(findProgram(object, 'probe_record'));
  said.recorded = [testRun(record, run.options), testRun(record, run.options)];
  // The callback says 'enough' by a negative number: at the first record, not at the second.
  said.consumed = [ringConsume(ring), ringConsume(ring), ringConsume(ring), records];

  const link = attachProgram(findProgram(object, 'probe_device'), 1);
  const about = Buffer.alloc(56);
  info(linkFd(link), about, u32(56));
  said.foreignRefused = [attachProgram(findProgram(object, 'probe_device'), 1), lastError(null)];
  said.link = [about.readUInt32LE(8), about.readUInt32LE(48), detach(linkFd(link)), query(1, 0, Buffer.alloc(4))];
  const [path, type] = [Buffer.alloc(256), Buffer.alloc(4)];
  said.pins = [];
  for (let at = ''; nextPin(at, path, 256, type) === 0; said.pins.push(`${at} ${type.readUInt32LE()}`))
    at = path.toString('latin1', 0, path.indexOf(0));
  const [report, error] = [[null], [null]];
  said.verified = [
    verify(objectFile, null, 'probe_device', null, 0, report, error, null),
    verify(objectFile, null, 'probe_refused', null, 0, report, error, null),
    koffi.decode(report[0], 'char', -1),
  ];
  // Neither pinned nor disconnected: it goes with this process.
  said.left = attachProgram(findProgram(object, 'probe_device'), 1) !== null;
  close(object);
} else if (part === 'second') {
  const map = get('/sys/fs/bpf/kept');
  const value = Buffer.alloc(8);
  said.adopted = [lookup(map, u64(1), value), value.readUInt32LE()];
  said.attachedStill = query(1, 0, Buffer.alloc(4));
  said.unpinned = [unpin('/ebpf/global/kept'), unpin('/ebpf/global/kept')];
  said.goneAfterwards = get('BPF:\\kept');
} else {
  const map = create(1, 'kept', 8, 8, 2, null);
  said.updates = [1, 2, 3].map((key) => update(map, u64(key), u64(10 * key), 0));
  said.errno = lastError(null);
  said.again = update(map, u64(1), u64(11), 1);
  said.absent = lookup(map, u64(9), Buffer.alloc(8));
  said.badType = create(27, 'no', 0, 0, 4096, null);
  const about = Buffer.alloc(96);
  const length = Buffer.from(Uint32Array.of(96).buffer);
  info(map, about, length);
  said.info = [about.readUInt32LE(4), about.readUInt32LE(8), about.readUInt32LE(16), about.toString('latin1', 20, 24)];
  said.pinned = [pin(map, 'BPF:\\kept'), pin(map, '/ebpf/global/kept')];
  said.closed = [closeFd(map), closeFd(map), lookup(map, u64(1), Buffer.alloc(8))];

  const object = open(objectFile, null);
  said.missing = [open('Z:\\nowhere.o', null), lastError(null)];
  said.loaded = load(object);
  const program = programFd(findProgram(object, 'probe_device'));
  const grow = programFd(findProgram(object, 'probe_grow'));
  const { options } = runOf(Buffer.alloc(60, 0xab), 7);
  const seen = Buffer.alloc(8);
  said.ran = [testRun(program, options), options.readUInt32LE(56)];
  said.device = [lookup(findMap(object, 'probe_array'), Buffer.alloc(4), seen), seen.readUInt32LE()];
  said.headRefused = [testRun(grow, options), options.readUInt32LE(56)];
  said.attached = [attach(1, program, 0, null), attach(1, grow, 0, null), attach(0, program, 0, null)];
  close(object);
}
process.stdout.write(`${JSON.stringify(said)}\n`);
