import { releaseOf } from './gvisor';

describe('the release of a runsc', () => {
  it.each([
    ['runsc version 0.0~20240729.0\nspec: 1.0.2-dev\n', 20240729],
    ['runsc version release-20251110.0\nspec: 1.1.0\n', 20251110],
    ['runsc version 0.0~20221219.0\nspec: 1.0.2-dev\n', 20221219],
    ['runsc version VERSION_MISSING\n', null],
    ['', null],
  ])('is read from %j', (text, release) => {
    expect(releaseOf(text)).toBe(release);
  });
});
