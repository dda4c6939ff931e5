print('{"energy": 1}')
