// Hamming distances of rows of packed bits (bytes a row, any number) to one query, as uint16.
export function hamming(codes: usize, rows: usize, bytes: usize, query: usize, out: usize): void {
  const words = bytes & ~7;
  for (let row: usize = 0; row < rows; row++) {
    let distance: u64 = 0;
    let i: usize = 0;
    for (; i < words; i += 8) distance += popcnt(load<u64>(codes + i) ^ load<u64>(query + i));
    for (; i < bytes; i++) distance += popcnt(<u64>(load<u8>(codes + i) ^ load<u8>(query + i)));
    store<u16>(out + (row << 1), <u16>distance);
    codes += bytes;
  }
}
