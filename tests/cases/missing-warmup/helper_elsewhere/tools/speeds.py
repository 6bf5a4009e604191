def pace(optimizer, step):
    for group in optimizer.param_groups:
        group["lr"] = 1e-3 * min(1.0, step / 1000)
