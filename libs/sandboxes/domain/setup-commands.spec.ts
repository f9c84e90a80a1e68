import { setupCommandsSchema } from './setup-commands';

const schema = setupCommandsSchema({ maxCommands: 2, maxCommandBytes: 20 });
const accepts = (commands: unknown) => schema.safeParse(commands).success;

describe('setup_commands', () => {
  it('are shell lines', () => {
    expect(accepts(['pip install x', 'echo "ż" > /a'])).toBe(true);
    expect(accepts([])).toBe(true);
    expect(accepts(undefined)).toBe(true);
  });

  it.each(['\n', '\r', '\0', '\v', '\f', '\u0085', '\u2028', '\u2029'])('are never more than one line: %j', (character) => {
    expect(accepts([`true${character}USER root`])).toBe(false);
  });

  it.each([[['']], [['  ']], [['a', 'b', 'c']], [['x'.repeat(21)]], [['ż'.repeat(11)]], [['\ud800']], ['true'], [[1]]])(
    'refuse %j',
    (commands) => {
      expect(accepts(commands)).toBe(false);
    },
  );

  it('may only be absent or empty where they are not sold', () => {
    const closed = setupCommandsSchema(null);
    expect(closed.safeParse([]).success).toBe(true);
    expect(closed.safeParse(['true']).error?.issues).toMatchObject([{ message: 'setup_commands are not enabled here' }]);
  });
});
