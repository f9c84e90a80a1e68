import { readPaymentIdentifier } from './payment-identifier';

const sent = (id: unknown) => ({ 'payment-identifier': { info: { required: false, id }, schema: {} } });

describe('the payment identifier of a payload', () => {
  it.each(['0123456789abcdef', 'pay_7d5d747be160e280504c099d984bcfe0', 'A-_9'.repeat(32)])('is read: %s', (id) => {
    expect(readPaymentIdentifier(sent(id))).toEqual({ kind: 'identifier', id });
  });

  it.each([
    ['no extensions', undefined],
    ['null', null],
    ['another extension', { bazaar: { info: { id: '0123456789abcdef' } } }],
    ['the offer sent back as it was', { 'payment-identifier': { info: { required: false }, schema: {} } }],
    ['an extension that is no object', { 'payment-identifier': 'x' }],
  ])('is none: %s', (_, extensions) => {
    expect(readPaymentIdentifier(extensions)).toEqual({ kind: 'none' });
  });

  it.each([
    ['too-short-15-ch'],
    ['x'.repeat(129)],
    ['0123456789abcde '],
    ['0123456789abcdeé'],
    ['0123456789abcdef\n'],
    [17],
    [null],
  ])('is refused, not dropped: %j', (id) => {
    expect(readPaymentIdentifier(sent(id)).kind).toBe('malformed');
  });
});
