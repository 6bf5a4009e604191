;; Drives Emacs as its user would, with the configuration of docs/editors/emacs.md ($CONFIG) and examples/train.py ($FILE):
;; findings in flymake, a fix, all safe fixes of engine.py, and an orderly end.
(setq debug-on-error nil eglot-autoshutdown t eglot-sync-connect 30 eglot-connect-timeout 60 eglot-confirm-server-initiated-edits nil
      make-backup-files nil create-lockfiles nil auto-save-default nil)
(package-initialize)
(require 'flymake)

(defun say (&rest words) (princ (concat (apply #'format words) "\n")))

(defun wait-for (what condition)
  (let ((end (+ (float-time) 30)) result)
    (while (and (not (setq result (funcall condition))) (< (float-time) end)) (accept-process-output nil 0.05))
    (unless result (error "waited in vain for %s" what))
    (say "  %s" what)
    result))

(defun findings ()
  (flymake-start)
  (sort (flymake-diagnostics (point-min) (point-max))
        (lambda (one other) (< (flymake-diagnostic-beg one) (flymake-diagnostic-beg other)))))

(defun contains (text) (save-excursion (goto-char (point-min)) (search-forward text nil t)))

;; `eglot-ensure' connects after the next command; a batch has none.
(defun connect ()
  (unless (eglot-current-server) (apply #'eglot (eglot--guess-contact)))
  (flymake-mode 1))

(condition-case failure
    (progn
      (load (getenv "CONFIG") nil t)
      (say "  Emacs %s, eglot" emacs-version)
      (find-file (getenv "FILE"))
      (connect)
      (let ((count (length (wait-for "at least three findings" (lambda () (let ((found (findings))) (and (>= (length found) 3) found)))))))
        (goto-char (point-min))
        (search-forward "= model.state")
        (setq last-nonmenu-event ?a) ; a key; Emacs asks with a menu of the window system otherwise
        (cl-letf (((symbol-function 'completing-read)
                   (lambda (_prompt choices &rest _)
                     (or (seq-find (lambda (choice) (string-match-p "Copy the weights" choice))
                                   (mapcar (lambda (choice) (if (consp choice) (car choice) choice)) (all-completions "" choices)))
                         (error "the fix is not offered")))))
          (call-interactively #'eglot-code-actions))
        (wait-for "the fix" (lambda () (contains "copy.deepcopy(model.state_dict())")))
        (eglot--signal-textDocument/didChange) ; else a timer of idle time does; a batch is never idle
        (wait-for "one finding less" (lambda () (= (length (findings)) (1- count)))))
      (save-buffer)
      (find-file (expand-file-name "engine.py" (file-name-directory (getenv "FILE"))))
      (connect)
      (wait-for "findings in engine.py" (lambda () (>= (length (findings)) 3)))
      (let ((before (buffer-string)))
        (call-interactively #'torchlint-fix-all)
        (wait-for "all safe fixes" (lambda () (not (equal before (buffer-string))))))
      (save-buffer)
      (eglot-shutdown (eglot-current-server))
      (say "  the end of the server")
      (kill-emacs 0))
  (error (say "FAIL %s" (error-message-string failure)) (kill-emacs 1)))
