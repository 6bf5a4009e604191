"""Keywords with spaces around the equals sign, and nowhere in the file without."""

from torch import nn

criterion = nn.MSELoss(size_average = False)  # TL902
other = nn.L1Loss(reduction = "sum")
